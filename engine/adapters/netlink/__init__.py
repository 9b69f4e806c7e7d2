"""Links, addresses, routes, network namespaces and conntrack entries, over netlink."""
