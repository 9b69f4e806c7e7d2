"""The firewall: one nftables table of our own, through libnftables."""
