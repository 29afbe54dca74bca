"""DescribeInstanceTypes from moto's data, rendered here: moto takes six times as long."""

from typing import Any

from simulator.aws.account import Account
from simulator.aws.errors import AwsError
from simulator.aws.paging import page

PAGE = 100


def instance_types(account: Account, params: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html."""
    names = params.get("InstanceType")
    most = int(params.get("MaxResults", PAGE))
    if most > PAGE:
        raise AwsError("InvalidParameterValue", f"MaxResults must be at most {PAGE}")
    filters = {f["Name"]: f.get("Value", []) for f in params.get("Filter", ())}
    found = account.instance_types(names, filters)
    shown, after = page(found, most=most, token=params.get("NextToken"))
    return {"InstanceTypes": shown, "NextToken": after}
