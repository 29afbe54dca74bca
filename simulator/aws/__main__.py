"""`python -m simulator.aws`: serve a simulated AWS until stdin ends; writes its URL when ready."""

import argparse
from pathlib import Path

from simulator.aws.models import AwsConfig
from simulator.aws.serving import Served


def main() -> None:
    """Read the configuration, serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--config", type=Path, help="a JSON file, see AwsConfig")
    given = parser.parse_args()
    config = (
        AwsConfig.model_validate_json(given.config.read_text()) if given.config else AwsConfig()
    )
    Served(config, port=given.port).run()


if __name__ == "__main__":
    main()
