"""The table of trimarand's flags: name, daemon.json key, kind, group in the help, and what it says."""

from __future__ import annotations

import msgspec

from config.values import (
    BOOL,
    BYTES,
    DOMAINS,
    FEATURES,
    HOSTS,
    INSECURE,
    INT,
    IP,
    IPS,
    LABELS,
    LIST,
    MAP,
    MIRRORS,
    NETWORK_OPTIONS,
    POOLS,
    RESOURCES,
    RETENTION,
    RUNTIMES,
    SECONDS,
    STRING,
    ULIMITS,
    Kind,
)


class Option(msgspec.Struct, frozen=True):
    """One flag. `key` is its daemon.json key, dotted where it is nested; empty for command-line only."""

    flag: str
    key: str
    kind: Kind
    help: str
    short: str = ""
    hidden: bool = False

    @property
    def shown(self) -> str:
        """The flag as error texts name it: `-H, --host`."""
        return f"-{self.short}, --{self.flag}" if self.short else f"--{self.flag}"


def _same(flag: str, kind: Kind, text: str, short: str = "", *, hidden: bool = False) -> Option:
    return Option(flag, flag, kind, text, short, hidden)


GROUPS: dict[str, tuple[Option, ...]] = {
    "Daemon": (
        Option("config-file", "", STRING, "Daemon configuration file"),
        Option("validate", "", BOOL, "Validate the configuration and exit"),
        Option("version", "", BOOL, "Print version information and quit", "v"),
        Option("help", "", BOOL, "Print usage", "h"),
        _same("data-root", STRING, "Root directory of persistent state"),
        _same("exec-root", STRING, "Root directory for execution state files"),
        _same("pidfile", STRING, "Path to use for the daemon's PID file", "p"),
        _same("debug", BOOL, "Enable debug mode", "D"),
        _same("log-level", STRING, 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")', "l"),
        _same("log-format", STRING, 'Set the logging format ("text"|"json")'),
        _same("raw-logs", BOOL, "Full timestamps without ANSI coloring"),
        _same("live-restore", BOOL, "Keep containers running while the daemon is away"),
        _same("shutdown-timeout", INT, "Seconds to wait for containers at shutdown"),
        _same("default-stop-timeout", INT, "Seconds to wait for a container to stop"),
        Option("label", "labels", LABELS, "Set key=value labels to the daemon"),
        Option("feature", "features", FEATURES, "Enable a feature of the daemon"),
        _same("experimental", BOOL, "Enable experimental features"),
        _same("metrics-addr", STRING, "Address and port to serve the metrics API on"),
        _same("events-retention", RETENTION, "What the event log keeps: count=N,age=720h,bytes=64m"),
        _same("timeline-retention", SECONDS, "How long a removed container's timeline is kept"),
        Option("authorization-plugin", "authorization-plugins", LIST, "Authorization plugins to load"),
        _same("plugin-sockets", STRING, "Directory with the sockets of plugins"),
        _same("plugin-specs", LIST, "Directories with .spec and .json files of plugins"),
        Option("restart", "", BOOL, "Ignored, as in dockerd", "r", hidden=True),
    ),
    "API": (
        Option("host", "hosts", HOSTS, "Daemon socket(s) to listen on", "H"),
        _same("group", STRING, "Group for the unix socket", "G"),
        _same("tls", BOOL, "Use TLS; implied by --tlsverify"),
        _same("tlsverify", BOOL, "Use TLS and verify the remote"),
        _same("tlscacert", STRING, "Trust certs signed only by this CA"),
        _same("tlscert", STRING, "Path to TLS certificate file"),
        _same("tlskey", STRING, "Path to TLS key file"),
        _same("api-half-open", INT, "Connections on each listener that have not made a request yet"),
        _same("api-header-timeout", INT, "Seconds that the head of a request may take"),
        _same("operator-addr", STRING, "Address of the operators' page; empty switches it off"),
        _same("api-cors-header", STRING, "Ignored, as in dockerd 28", hidden=True),
    ),
    "Runtimes": (
        _same("containerd", STRING, "containerd grpc address; \"embedded\" starts one of the daemon's own"),
        _same("containerd-namespace", STRING, "containerd namespace to use"),
        Option("containerd-plugins-namespace", "containerd-plugin-namespace", STRING,
               "containerd namespace to use for plugins"),
        _same("cri-containerd", BOOL, "Start containerd with cri"),
        Option("add-runtime", "runtimes", RUNTIMES, "Register an additional OCI compatible runtime"),
        _same("default-runtime", STRING, "Default OCI runtime for containers"),
        Option("exec-opt", "exec-opts", LIST, "Runtime execution options"),
        _same("storage-driver", STRING, "Storage driver to use", "s"),
        Option("storage-opt", "storage-opts", LIST, "Storage driver options"),
        Option("cdi-spec-dir", "cdi-spec-dirs", LIST, "CDI specification directories to use"),
        _same("nri-opts", MAP, "Node Resource Interface options", hidden=True),
    ),
    "Containers": (
        _same("init", BOOL, "Run an init inside containers to forward signals and reap processes"),
        _same("init-path", STRING, "Path to the init binary"),
        _same("cgroup-parent", STRING, "Set parent cgroup for all containers"),
        _same("cpu-rt-period", INT, "CPU real-time period of the parent cgroup, in microseconds"),
        _same("cpu-rt-runtime", INT, "CPU real-time runtime of the parent cgroup, in microseconds"),
        Option("default-ulimit", "default-ulimits", ULIMITS, "Default ulimits for containers"),
        _same("default-shm-size", BYTES, "Default shm size for containers"),
        _same("default-ipc-mode", STRING, 'Default mode for containers ipc ("shareable"|"private")'),
        _same("default-cgroupns-mode", STRING,
              'Default mode for containers cgroup namespace ("host"|"private")'),
        _same("log-driver", STRING, "Default driver for container logs"),
        Option("log-opt", "log-opts", MAP, "Default log driver options for containers"),
        Option("node-generic-resource", "node-generic-resources", RESOURCES,
               "Advertise user-defined resource"),
    ),
    "Security": (
        _same("seccomp-profile", STRING, 'Path to seccomp profile; "unconfined" for none'),
        _same("selinux-enabled", BOOL, "Enable selinux support"),
        _same("no-new-privileges", BOOL, "Set no-new-privileges by default for new containers"),
        _same("userns-remap", STRING, "User/Group setting for user namespaces"),
        _same("rootless", BOOL, "Enable rootless mode; typically used with RootlessKit"),
    ),
    "Registries": (
        _same("max-concurrent-downloads", INT, "Set the max concurrent downloads"),
        _same("max-concurrent-uploads", INT, "Set the max concurrent uploads"),
        _same("max-download-attempts", INT, "Set the max download attempts for each pull"),
        Option("registry-mirror", "registry-mirrors", MIRRORS, "Preferred registry mirror"),
        Option("insecure-registry", "insecure-registries", INSECURE,
               "Enable insecure registry communication"),
        Option("allow-nondistributable-artifacts", "allow-nondistributable-artifacts", LIST,
               "Ignored, as in dockerd 28", hidden=True),
        Option("http-proxy", "proxies.http-proxy", STRING, "HTTP proxy URL for outgoing traffic"),
        Option("https-proxy", "proxies.https-proxy", STRING, "HTTPS proxy URL for outgoing traffic"),
        Option("no-proxy", "proxies.no-proxy", STRING, "Hosts or IPs to which no proxy is used"),
    ),
    "Networking": (
        _same("bridge", STRING, "Attach containers to a network bridge", "b"),
        _same("bip", STRING, "IPv4 address for the default bridge"),
        _same("bip6", STRING, "IPv6 address for the default bridge"),
        _same("fixed-cidr", STRING, "IPv4 subnet for the default bridge network"),
        _same("fixed-cidr-v6", STRING, "IPv6 subnet for the default bridge network"),
        _same("default-gateway", IP, "Default gateway IPv4 address for the default bridge network"),
        _same("default-gateway-v6", IP, "Default gateway IPv6 address for the default bridge network"),
        Option("default-address-pool", "default-address-pools", POOLS,
               "Default address pools: base=CIDR,size=PREFIX"),
        Option("default-network-opt", "default-network-opts", NETWORK_OPTIONS,
               "Default network options: DRIVER=OPTION=VALUE"),
        _same("dns", IPS, "DNS server to use"),
        Option("dns-opt", "dns-opts", LIST, "DNS options to use"),
        _same("dns-search", DOMAINS, "DNS search domains to use"),
        Option("host-gateway-ip", "host-gateway-ips", IPS,
               "IP addresses that the special 'host-gateway' string in --add-host resolves to"),
        _same("icc", BOOL, "Enable inter-container communication for the default bridge network"),
        _same("ip", IP, "Host IP for port publishing from the default bridge network"),
        _same("ip-forward", BOOL, "Enable IP forwarding of the host"),
        _same("ip-forward-no-drop", BOOL, "Don't set the host's forwarding policy to drop"),
        _same("ip-masq", BOOL, "Enable IP masquerading for the default bridge network"),
        _same("iptables", BOOL, "Enable addition of IPv4 firewall rules"),
        _same("ip6tables", BOOL, "Enable addition of IPv6 firewall rules"),
        _same("ipv6", BOOL, "Enable IPv6 networking for the default bridge network"),
        _same("allow-direct-routing", BOOL, "Allow remote access to published ports on container IPs"),
        _same("firewall-backend", STRING, 'Firewall backend to use ("nftables")'),
        _same("bridge-accept-fwmark", STRING, "Accept forwarded packets with this mark/mask"),
        _same("publish-policy", STRING,
              'Who reaches a port published without an address ("all"|"lan"|"local")'),
        _same("mtu", INT, "Set the MTU of the default bridge network; 0 follows the uplink"),
        _same("userland-proxy", BOOL, "Use userland proxy for loopback traffic"),
        _same("userland-proxy-path", STRING, "Path to the userland proxy binary"),
        _same("network-control-plane-mtu", INT, "Network Control plane MTU"),
        _same("network-diagnostic-port", INT, "TCP port of the network diagnostic server", hidden=True),
    ),
    "Cluster": (
        _same("swarm-default-advertise-addr", STRING,
              "Default address or interface for swarm advertised address"),
    ),
}  # fmt: skip

OPTIONS: tuple[Option, ...] = tuple(option for group in GROUPS.values() for option in group)
BY_FLAG: dict[str, Option] = {option.flag: option for option in OPTIONS}
BY_SHORT: dict[str, Option] = {option.short: option for option in OPTIONS if option.short}
FILE_ONLY: tuple[str, ...] = (
    "builder",
    "min-api-version",
    "resolv-conf",
    "storage-collection",
    "swarm-raft-election-tick",
    "swarm-raft-heartbeat-tick",
)
"""Keys of daemon.json without a flag, as in dockerd or our own."""
