"""The tasks: containers' running processes, each behind its shim."""

from __future__ import annotations

import builtins
import typing
from collections.abc import Sequence
from typing import cast

from google.protobuf.any_pb2 import Any

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.containers import runc_options
from engine.adapters.containerd.gen import (
    runc_options_pb2,
    task_types_pb2,
    tasks_grpc,
    tasks_pb2,
)
from engine.adapters.containerd.metrics import decode
from engine.adapters.containerd.records import (
    PROCESS_URL,
    RESOURCES_URL,
    Descriptor,
    ExitInfo,
    Mount,
    RuncOptions,
    TaskInfo,
    TaskStatus,
    descriptor_from_wire,
    descriptor_to_wire,
    document,
    mount_to_wire,
    ns,
)
from engine.errors import NotFound

LONG_TIMEOUT = 30.0  # a shim starts or ends, mounts are made or undone


def info(process: task_types_pb2.Process, container_id: str) -> TaskInfo:
    return TaskInfo(
        container_id=process.container_id or container_id,
        id=process.id,
        pid=process.pid,
        status=cast(TaskStatus, task_types_pb2.Status.Name(process.status).lower()),
        exit_status=process.exit_status,
        exited_at_ns=ns(process.exited_at),
        stdin=process.stdin,
        stdout=process.stdout,
        stderr=process.stderr,
        terminal=process.terminal,
    )


def exit_info(reply: tasks_pb2.DeleteResponse) -> ExitInfo:
    return ExitInfo(reply.pid, reply.exit_status, ns(reply.exited_at))


class Tasks:
    """containerd.services.tasks.v1. An empty `exec_id` means the container's first process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = tasks_grpc.TasksStub(calls.channel)

    async def create(
        self,
        container_id: str,
        *,
        rootfs: Sequence[Mount],
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        options: RuncOptions | None = None,
        checkpoint: Descriptor | None = None,
        timeout: float = LONG_TIMEOUT,
    ) -> int:
        """Mount the root file system and prepare the process, not yet running; its pid.

        Standard output and error are paths of FIFOs, both or none (then /dev/null); without an
        `options.root` the runtime's state is in /run/containerd/runc, shared with every other
        containerd that has a namespace of this name.
        """
        request = tasks_pb2.CreateTaskRequest(
            container_id=container_id,
            rootfs=[mount_to_wire(mount) for mount in rootfs],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            terminal=terminal,
            options=None if options is None else runc_options(options),
            checkpoint=None if checkpoint is None else descriptor_to_wire(checkpoint),
        )
        return (await self._calls.unary(self._stub.Create, request, timeout=timeout)).pid

    async def start(
        self, container_id: str, exec_id: str = "", *, timeout: float = LONG_TIMEOUT
    ) -> int:
        request = tasks_pb2.StartRequest(container_id=container_id, exec_id=exec_id)
        return (await self._calls.unary(self._stub.Start, request, timeout=timeout)).pid

    async def exec(
        self,
        container_id: str,
        exec_id: str,
        *,
        spec: bytes,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        """Add a process, to be started with `start`; `spec` is an OCI process in JSON.

        Standard output and error are FIFOs, both or none, also when only input is wanted; a
        terminal has no standard error.
        """
        request = tasks_pb2.ExecProcessRequest(
            container_id=container_id,
            exec_id=exec_id,
            spec=document(PROCESS_URL, spec),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            terminal=terminal,
        )
        await self._calls.unary(self._stub.Exec, request, timeout=timeout)

    async def kill(
        self,
        container_id: str,
        signal: int,
        *,
        exec_id: str = "",
        all: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        """Raises NotFound when the process has ended."""
        request = tasks_pb2.KillRequest(
            container_id=container_id, exec_id=exec_id, signal=signal, all=all
        )
        await self._calls.unary(self._stub.Kill, request, timeout=timeout)

    async def get(
        self, container_id: str, exec_id: str = "", *, timeout: float = TIMEOUT
    ) -> TaskInfo:
        request = tasks_pb2.GetRequest(container_id=container_id, exec_id=exec_id)
        reply = await self._calls.unary(self._stub.Get, request, timeout=timeout)
        return info(reply.process, container_id)

    async def list(self, *, timeout: float = TIMEOUT) -> list[TaskInfo]:
        """The first process of every task of the namespace."""
        reply = await self._calls.unary(
            self._stub.List, tasks_pb2.ListTasksRequest(), timeout=timeout
        )
        return [info(process, process.id) for process in reply.tasks]

    async def delete(self, container_id: str, *, timeout: float = LONG_TIMEOUT) -> ExitInfo:
        """End the shim of a stopped task and unmount its root file system."""
        request = tasks_pb2.DeleteTaskRequest(container_id=container_id)
        return exit_info(await self._calls.unary(self._stub.Delete, request, timeout=timeout))

    async def delete_process(
        self, container_id: str, exec_id: str, *, timeout: float = TIMEOUT
    ) -> ExitInfo:
        request = tasks_pb2.DeleteProcessRequest(container_id=container_id, exec_id=exec_id)
        return exit_info(
            await self._calls.unary(self._stub.DeleteProcess, request, timeout=timeout)
        )

    async def wait(
        self, container_id: str, exec_id: str = "", *, timeout: float | None = None
    ) -> ExitInfo:
        """Wait for the process's end, as long as it takes; Unavailable if containerd goes away."""
        request = tasks_pb2.WaitRequest(container_id=container_id, exec_id=exec_id)
        reply = await self._calls.unary(self._stub.Wait, request, timeout=timeout)
        return ExitInfo(0, reply.exit_status, ns(reply.exited_at))

    async def pause(self, container_id: str, *, timeout: float = TIMEOUT) -> None:
        request = tasks_pb2.PauseTaskRequest(container_id=container_id)
        await self._calls.unary(self._stub.Pause, request, timeout=timeout)

    async def resume(self, container_id: str, *, timeout: float = TIMEOUT) -> None:
        request = tasks_pb2.ResumeTaskRequest(container_id=container_id)
        await self._calls.unary(self._stub.Resume, request, timeout=timeout)

    async def resize_pty(
        self,
        container_id: str,
        exec_id: str,
        width: int,
        height: int,
        *,
        timeout: float = TIMEOUT,
    ) -> None:
        request = tasks_pb2.ResizePtyRequest(
            container_id=container_id, exec_id=exec_id, width=width, height=height
        )
        await self._calls.unary(self._stub.ResizePty, request, timeout=timeout)

    async def close_io(
        self, container_id: str, exec_id: str = "", *, timeout: float = TIMEOUT
    ) -> None:
        """Close the shim's end of standard input."""
        request = tasks_pb2.CloseIORequest(container_id=container_id, exec_id=exec_id, stdin=True)
        await self._calls.unary(self._stub.CloseIO, request, timeout=timeout)

    async def pids(self, container_id: str, *, timeout: float = TIMEOUT) -> builtins.list[int]:
        request = tasks_pb2.ListPidsRequest(container_id=container_id)
        reply = await self._calls.unary(self._stub.ListPids, request, timeout=timeout)
        return [process.pid for process in reply.processes]

    async def update(
        self, container_id: str, resources_json: bytes, *, timeout: float = TIMEOUT
    ) -> None:
        """Change the limits of a running task; takes OCI LinuxResources in JSON."""
        request = tasks_pb2.UpdateTaskRequest(
            container_id=container_id, resources=document(RESOURCES_URL, resources_json)
        )
        await self._calls.unary(self._stub.Update, request, timeout=timeout)

    async def metrics(self, container_id: str, *, timeout: float = TIMEOUT) -> tuple[str, bytes]:
        """The type URL and the bytes, which `metrics.decode` reads."""
        request = tasks_pb2.MetricsRequest(filters=[f'id=="{container_id}"'])
        reply = await self._calls.unary(self._stub.Metrics, request, timeout=timeout)
        if not reply.metrics:
            raise NotFound(f"no metrics of task {container_id}: not found")
        data = reply.metrics[0].data
        return data.type_url, data.value

    async def usage(
        self, container_id: str, *, timeout: float = TIMEOUT
    ) -> tuple[int, dict[str, typing.Any]]:
        """The metrics, decoded: the cgroup version and its numbers."""
        return decode(*await self.metrics(container_id, timeout=timeout))

    async def checkpoint(
        self,
        container_id: str,
        *,
        image_path: str = "",
        work_path: str = "",
        exit: bool = False,
        open_tcp: bool = False,
        external_unix_sockets: bool = False,
        terminal: bool = False,
        timeout: float = 120.0,
    ) -> builtins.list[Descriptor]:
        """Dump the task with CRIU; without `image_path`, into the content store."""
        options = runc_options_pb2.CheckpointOptions(
            image_path=image_path,
            work_path=work_path,
            exit=exit,
            open_tcp=open_tcp,
            external_unix_sockets=external_unix_sockets,
            terminal=terminal,
        )
        request = tasks_pb2.CheckpointTaskRequest(
            container_id=container_id,
            options=Any(
                type_url="containerd.runc.v1.CheckpointOptions", value=options.SerializeToString()
            ),
        )
        reply = await self._calls.unary(self._stub.Checkpoint, request, timeout=timeout)
        return [descriptor_from_wire(descriptor) for descriptor in reply.descriptors]
