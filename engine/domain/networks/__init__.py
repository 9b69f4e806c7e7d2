"""The networks room: address pools, endpoints, published ports, and the views of `/networks`."""
