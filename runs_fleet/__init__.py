"""The core: models, names, labels, ports and the adapters behind them."""
