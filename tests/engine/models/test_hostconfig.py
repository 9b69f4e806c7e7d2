from __future__ import annotations

import json

import msgspec

from engine.models import gojson
from engine.models.containers import HostConfig, UpdateRequest
from engine.models.hostconfig import Ulimit

# What dockerd 20.10 shows for a container created with {"Image", "Cmd"} alone, less what the
# daemon fills in, and in the form of API 1.51 (KernelMemory only when set).
AS_DOCKERD = json.loads("""
{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"",
"PortBindings":null,"RestartPolicy":{"Name":"","MaximumRetryCount":0},"AutoRemove":false,
"VolumeDriver":"","VolumesFrom":null,"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":null,
"DnsOptions":null,"DnsSearch":null,"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"",
"Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,
"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,
"ConsoleSize":[0,0],"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"",
"BlkioWeight":0,"BlkioWeightDevice":null,"BlkioDeviceReadBps":null,"BlkioDeviceWriteBps":null,
"BlkioDeviceReadIOps":null,"BlkioDeviceWriteIOps":null,"CpuPeriod":0,"CpuQuota":0,
"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"","Devices":null,
"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,
"MemorySwappiness":null,"OomKillDisable":null,"PidsLimit":null,"Ulimits":null,"CpuCount":0,
"CpuPercent":0,"IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null}
""")


def test_zero_host_config_is_as_dockerd_writes_it() -> None:
    assert json.loads(msgspec.json.encode(HostConfig())) == AS_DOCKERD


def test_empty_lists_stay_empty_lists() -> None:
    config = gojson.decode(b'{"Binds":[],"CapAdd":[],"MaskedPaths":[]}', HostConfig)
    written = json.loads(msgspec.json.encode(config))
    assert (written["Binds"], written["CapAdd"], written["MaskedPaths"]) == ([], [], [])


def test_host_config_round_trips_through_the_store() -> None:
    config = HostConfig(
        memory=1 << 30,
        pids_limit=0,
        oom_kill_disable=True,
        console_size=(24, 80),
        ulimits=[Ulimit(name="nofile", soft=1, hard=2)],
        tmpfs={"/t": ""},
    )
    assert msgspec.json.decode(msgspec.json.encode(config), type=HostConfig) == config


def test_update_request_is_resources_and_policy() -> None:
    request = gojson.decode(b'{"Memory":5,"RestartPolicy":{"Name":"always"}}', UpdateRequest)
    assert (request.memory, request.restart_policy.name) == (5, "always")
