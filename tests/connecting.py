"""A client as the product has it, in a namespace that knows our search attributes."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from workflows import attributes


async def connected(address: str) -> Client:
    """Connect to a server; one that knows our attributes already is fine."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    await attributes.ensure(client)
    return client
