"""The Dockerfiles whose results dockerd has given: each instruction and flag, each error, what the cache does."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Entry = str | bytes | tuple[str, str, int]
"""A file's content, or (kind, value, mode): link, hard, directory, file; `touch` takes a time for the mode."""


@dataclass(frozen=True)
class Build:
    dockerfile: str | bytes | None
    files: Mapping[str, Entry] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    stdin: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Case:
    """`cached`: its builds go through the cache, which nothing else has filled for it.

    `by_hand`: what dockerd's classic builder lacks; the expectation stands in the test.
    """

    name: str
    builds: tuple[Build, ...]
    cached: bool = False
    by_hand: bool = False


CASES: list[Case] = []


def case(
    name: str,
    dockerfile: str | bytes | None,
    files: Mapping[str, Entry] | None = None,
    *arguments: str,
    stdin: Callable[[], bytes] | None = None,
) -> None:
    CASES.append(Case(name, (Build(dockerfile, files or {}, arguments, stdin),)))


def sequence(name: str, *builds: Build) -> None:
    CASES.append(Case(name, builds, cached=True))


def tar_of(files: Mapping[str, str], compression: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid = 0o640, 12, 34
            if name.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o750
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    if compression == "gz":  # the time that gzip notes would make another hash each time
        return gzip.compress(tar_of(files), mtime=0)
    return out.getvalue()


B = "FROM busybox\n"
TREE: Mapping[str, Entry] = {
    "a.txt": "a\n",
    "b.txt": "b\n",
    "run.sh": ("file", "#!/bin/sh\necho ran\n", 0o755),
    "secret": ("file", "s\n", 0o600),
    "suid": ("file", "x\n", 0o4755),
    "dir/one": "1\n",
    "dir/two": "2\n",
    "dir/deep/three": "3\n",
    "dir/private": ("directory", "", 0o700),
    "dir/private/four": "4\n",
    "with space/x y": "xy\n",
    "empty": ("directory", "", 0o755),
    "link": ("link", "a.txt", 0),
    "dirlink": ("link", "dir", 0),
    "dir/inner": ("link", "one", 0),
}
BIG: Mapping[str, Entry] = {**TREE, "dir/hard": ("hard", "one", 0)}

# FROM
case("from-plain", B)
case("from-tag", "FROM busybox:latest\n")
case("from-lower-case", "from busybox\nrun true\n")
case("from-as", "FROM busybox AS one\nENV a=b\n")
case("from-as-capitals", "FROM busybox AS One\nFROM one\nENV a=b\n")
case("from-as-bad-name", "FROM busybox AS 1x\n")
case("from-two-words", "FROM busybox latest\n")
case("from-four-words", "FROM busybox AS a b\n")
case("from-nothing", "FROM\n")
case("from-unknown-flag", "FROM --foo=bar busybox\n")
case("from-bad-reference", "FROM Busy@box\n")
case("from-capital-reference", "FROM BusyBox:latest\nRUN true\n")
case("from-blank", "ARG X\nFROM $X\n")
case("from-meta-arg", "ARG TAG=latest\nFROM busybox:${TAG}\nRUN echo $TAG\n")
case("from-meta-arg-given", "ARG TAG=nope\nFROM busybox:${TAG}\n", {}, "--build-arg", "TAG=latest")
case("from-meta-arg-default", "FROM busybox:${TAG:-latest}\n")
case("from-meta-arg-used-in-stage", "ARG V=1\nFROM busybox\nARG V\nRUN echo v=$V\n")
case("from-meta-arg-overridden", "ARG V=1\nFROM busybox\nARG V=2\nRUN echo v=$V\n")
case("from-meta-arg-of-another", "ARG A=busy\nARG B=${A}box\nFROM $B\n")
case("from-scratch-alone", "FROM scratch\n")
case("from-scratch-copy", "FROM scratch\nCOPY a.txt /\n", TREE)
case("from-scratch-env", "FROM scratch\nENV a=b\n")
case("from-scratch-run", "FROM scratch\nCOPY a.txt /\nRUN true\n", TREE)
case("from-platform", "FROM --platform=linux/amd64 busybox\n")
case("no-from", "RUN true\n")
case("env-before-from", "ENV a=b\nFROM busybox\n")
case("empty-file", "")
case("comments-only", "# nothing\n")
case("unknown-instruction", B + "FOO bar\n")
case("unknown-instruction-later", B + "\n\nRUNN true\n")
case("binary-file", b"\x00\x01\x02\x03FROM busybox\n\xff\xfe")
case("byte-order-mark", b"\xef\xbb\xbfFROM busybox\nENV a=b\n")
case("windows-lines", "FROM busybox\r\nENV a=b\r\nRUN echo hi\r\n")
case("no-newline-at-end", B + "ENV a=b")
case("two-stages", "FROM busybox\nENV a=b\nFROM busybox\nENV c=d\n")
case("duplicate-stage", "FROM busybox AS x\nFROM busybox AS x\n")
case("stage-from-stage", "FROM busybox AS x\nENV a=b\nFROM x\nENV c=d\n")

# directives and lines
case("escape-backtick", "# escape=`\nFROM busybox\nRUN echo a `\n  b\nENV p=c:\\x\n")
case("escape-bad", "# escape=x\nFROM busybox\n")
case("escape-twice", "# escape=`\n# escape=`\nFROM busybox\n")
case("escape-too-late", B + "# escape=`\nRUN echo a \\\n b\n")
case("continuation", B + "RUN echo a \\\n  && echo b\n")
case("continuation-comment", B + "RUN echo a \\\n# no\n  && echo b\n")
case("continuation-blank", B + "RUN echo a \\\n\n  && echo b\n")
case("indented", "  FROM busybox\n  ENV a=b\n")

# RUN
case("run-shell", B + "RUN echo hello\n")
case("run-exec", B + 'RUN ["echo", "a b", "c"]\n')
case("run-exec-broken", B + 'RUN ["echo", "a b"\n')
case("run-exec-number", B + 'RUN ["echo", 1]\n')
case("run-nothing", B + "RUN\n")
case("run-unknown-flag", B + "RUN --foo=bar true\n")
case("run-fails", B + "RUN exit 3\n")
case("run-fails-exec", B + 'RUN ["sh", "-c", "exit 7"]\n')
case("run-not-found", B + "RUN nosuchcommand\n")
case("run-fails-force-rm", B + "RUN exit 3\n", {}, "--force-rm")
case("run-stderr", B + "RUN echo err >&2\n")
case("run-no-newline", B + "RUN printf abc\n")
case(
    "run-files",
    B + "RUN mkdir /d && echo x > /d/f && chmod 640 /d/f && chown 5:6 /d/f && ln -s f /d/l\n",
)
case("run-removes", B + "RUN rm /bin/zcat && rm -r /home\n")
case("run-removes-and-makes", B + "RUN rm -r /var && mkdir /var && echo x > /var/y\n")
case("run-hard-links", B + "RUN echo x > /one && ln /one /two\n")
case("run-setuid", B + "RUN cp /bin/busybox /s && chmod 4755 /s\n")
case("run-as-user", B + "USER nobody\nRUN id -u; echo x > /tmp/x\n")
case("run-in-workdir", B + "WORKDIR /tmp/q\nRUN pwd; echo x > here\n")
case("run-environment", B + "ENV a=b\nRUN echo $a; env | grep -c PATH\n")
case("run-keeps-entrypoint", B + 'ENTRYPOINT ["echo", "no"]\nCMD ["x"]\nRUN echo yes\n')
case("run-nothing-changed", B + "RUN true\n")
case("run-changes-hosts", B + "RUN echo 1.2.3.4 foo >> /etc/hosts\n")
case("run-fifo", B + "RUN mkfifo /fifo\n")
case("run-odd-names", B + "RUN touch '/a b' '/-x' '/a\"b'\n")

# CMD, ENTRYPOINT, SHELL
case("cmd-shell", B + "CMD echo hi $a\n")
case("cmd-exec", B + 'CMD ["echo", "hi"]\n')
case("cmd-empty", B + "CMD\n")
case("cmd-empty-list", B + "CMD []\n")
case("cmd-quotes", B + 'CMD ["a\\"b", "c\\\\d", "\\t"]\n')
case("cmd-twice", B + "CMD a\nCMD b\n")
case("entrypoint-shell", B + "ENTRYPOINT echo hi\n")
case("entrypoint-exec", B + 'ENTRYPOINT ["echo"]\n')
case("entrypoint-drops-cmd", B + 'ENTRYPOINT ["echo"]\n')
case("entrypoint-keeps-own-cmd", B + 'CMD ["x"]\nENTRYPOINT ["echo"]\n')
case("entrypoint-empty", B + 'ENTRYPOINT ["a"]\nENTRYPOINT []\n')
case("entrypoint-nothing", B + "ENTRYPOINT\n")
case("shell", B + 'SHELL ["/bin/sh", "-ec"]\nRUN echo x\nCMD foo\n')
case("shell-not-json", B + "SHELL /bin/sh\n")
case("shell-empty", B + "SHELL []\n")

# ENV, LABEL, ARG
case("env-pairs", B + "ENV a=b c=\"d e\" f='g h' i=j\\ k\n")
case("env-old-form", B + 'ENV a b   c "d"\n')
case("env-expansion", B + "ENV a=b\nENV c=$a d=${a}x e=${nope:-dflt} f=${a:+set} g=\\$a h='$a'\n")
case("env-same-line", B + "ENV a=1\nENV a=2 b=$a\n")
case("env-nothing", B + "ENV\n")
case("env-one-word", B + "ENV a\n")
case("env-mixed", B + "ENV a=b c\n")
case("env-blank-name", B + "ENV =b\n")
case("env-bad-substitution", B + "ENV a=${b\n")
case("env-unknown-modifier", B + "ENV a=${b:x}\n")
case("env-replaces-path", B + "ENV PATH=/x:$PATH\n")
case("label-pairs", B + 'LABEL a=b "c d"="e f" g.h/i=j\n')
case("label-old-form", B + "LABEL a b c\n")
case("label-nothing", B + "LABEL\n")
case("label-expansion", B + "ENV v=1\nLABEL a=$v\n")
case("label-empty-value", B + 'LABEL a= b=""\n')
case("label-multi-line", B + "LABEL a=b \\\n  c=d\n")
case(
    "labels-of-client",
    B + "LABEL a=b\n",
    {},
    "--label",
    "z=1",
    "--label",
    "a=$x",
    "--label",
    "q=a b",
)
case("arg-default", B + "ARG a=1\nRUN echo a=$a\n")
case("arg-given", B + "ARG a\nRUN echo a=$a\n", {}, "--build-arg", "a=2")
case("arg-given-over-default", B + "ARG a=1\nRUN echo a=$a\n", {}, "--build-arg", "a=2")
case("arg-not-given", B + "ARG a\nRUN echo a=$a.\n")
case("arg-env-wins", B + "ARG a=1\nENV a=3\nRUN echo a=$a\n", {}, "--build-arg", "a=2")
case("arg-in-env", B + "ARG a=1\nENV b=$a\n")
case("arg-several", B + "ARG a=1 b c=3\nRUN echo $a $b $c\n")
case("arg-unused", B, {}, "--build-arg", "x=1", "--build-arg", "y=2")
case("arg-nothing", B + "ARG\n")
case("arg-blank-name", B + "ARG =x\n")
case("arg-after-use", B + "RUN echo a=$a.\nARG a=1\n")
case("arg-not-in-next-stage", B + "ARG a=1\nFROM busybox\nRUN echo a=$a.\n")
case("arg-of-two-runs", B + "ARG b=2\nARG a=1\nRUN echo $a$b\nRUN echo again\n")
case(
    "arg-proxy", B + "RUN echo $HTTP_PROXY $no_proxy\n", {}, "--build-arg", "HTTP_PROXY=http://p:1"
)
case(
    "arg-proxy-declared",
    B + "ARG HTTP_PROXY\nRUN echo $HTTP_PROXY\n",
    {},
    "--build-arg",
    "HTTP_PROXY=http://p:1",
)
case("arg-expansion", B + "ARG a=1\nARG b=${a}2\nRUN echo $b\n")

# the small ones
case("maintainer", B + "MAINTAINER Some One <a@b.c>\n")
case("maintainer-nothing", B + "MAINTAINER\n")
case("expose", B + "EXPOSE 80 443/tcp 53/udp 100-102\n")
case("expose-expansion", B + 'ENV p="80 81"\nEXPOSE $p\n')
case("expose-bad", B + "EXPOSE abc\n")
case("expose-bad-protocol", B + "EXPOSE 80/foo\n")
case("expose-nothing", B + "EXPOSE\n")
case("volume", B + "VOLUME /a /b\n")
case("volume-json", B + 'VOLUME ["/a b", "/c"]\n')
case("volume-nothing", B + "VOLUME\n")
case("volume-blank", B + 'VOLUME [" "]\n')
case("volume-then-run", B + "VOLUME /v\nRUN echo x > /v/x; echo y > /y\n")
case("volume-then-copy", B + "VOLUME /v\nCOPY a.txt /v/\n", TREE)
case("user", B + "USER 12:34\nRUN id -u; id -g\n")
case("user-unknown", B + "USER nosuch\nRUN true\n")
case("user-nothing", B + "USER\n")
case("user-expansion", B + "ENV u=nobody\nUSER $u\n")
case("workdir", B + "WORKDIR /a/b\n")
case("workdir-relative", B + "WORKDIR /a\nWORKDIR b\nWORKDIR ../c\nRUN pwd\n")
case("workdir-expansion", B + "ENV d=/x\nWORKDIR $d/y\n")
case("workdir-there", B + "WORKDIR /tmp\n")
case("workdir-a-file", B + "RUN echo x > /f\nWORKDIR /f\n")
case("workdir-nothing", B + "WORKDIR\n")
case("workdir-spaces", B + "WORKDIR /a b\n")
case("workdir-as-user", B + "USER nobody\nWORKDIR /w\n")
case("stopsignal", B + "STOPSIGNAL SIGTERM\nSTOPSIGNAL 9\n")
case("stopsignal-bad", B + "STOPSIGNAL FOO\n")
case("stopsignal-nothing", B + "STOPSIGNAL\n")
case("healthcheck", B + "HEALTHCHECK CMD true\n")
case(
    "healthcheck-flags",
    B
    + 'HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --retries=3 CMD ["a", "b"]\n',
)
case("healthcheck-many-retries", B + "HEALTHCHECK --retries=65 CMD true\n")
case("healthcheck-none", B + "HEALTHCHECK NONE\n")
case("healthcheck-none-arguments", B + "HEALTHCHECK NONE x\n")
case("healthcheck-nothing", B + "HEALTHCHECK\n")
case("healthcheck-no-command", B + "HEALTHCHECK CMD\n")
case("healthcheck-unknown", B + "HEALTHCHECK FOO\n")
case("healthcheck-unknown-flag", B + "HEALTHCHECK --foo=1 CMD true\n")
case("healthcheck-bad-time", B + "HEALTHCHECK --interval=x CMD true\n")
case("healthcheck-short", B + "HEALTHCHECK --interval=1us CMD true\n")
case("healthcheck-bad-retries", B + "HEALTHCHECK --retries=x CMD true\n")
case("healthcheck-not-in-run", B + "HEALTHCHECK CMD true\nRUN echo x\n")
case("onbuild", B + "ONBUILD RUN echo x\nONBUILD ENV a=b\n")
case("onbuild-nothing", B + "ONBUILD\n")
case("onbuild-chain", B + "ONBUILD ONBUILD RUN x\n")
case("onbuild-from", B + "ONBUILD FROM x\n")
case("onbuild-maintainer", B + "ONBUILD MAINTAINER x\n")
case("onbuild-lower-case", B + "onbuild run echo x\n")
case(
    "onbuild-triggered",
    "FROM busybox AS x\nONBUILD ENV a=b\nONBUILD RUN echo $a > /t\nFROM x\nRUN cat /t\n",
)
case("onbuild-one-triggered", "FROM busybox AS x\nONBUILD RUN echo t\nFROM x\n")
case("onbuild-copy", "FROM busybox AS x\nONBUILD COPY a.txt /\nFROM x\n", TREE)

# COPY
case("copy-file", B + "COPY a.txt /x.txt\n", TREE)
case("copy-into-directory", B + "COPY a.txt /tmp/\n", TREE)
case("copy-into-existing-directory", B + "COPY a.txt /tmp\n", TREE)
case("copy-makes-directories", B + "COPY a.txt /q/r/s/\n", TREE)
case("copy-makes-parents", B + "COPY a.txt /q/r/s\n", TREE)
case("copy-several", B + "COPY a.txt b.txt /q/\n", TREE)
case("copy-several-no-slash", B + "COPY a.txt b.txt /q\n", TREE)
case("copy-directory", B + "COPY dir /q\n", TREE)
case("copy-directory-slash", B + "COPY dir/ /q/\n", TREE)
case("copy-directory-hard-links", B + "COPY dir /q\n", BIG)
case("copy-directory-over-existing", B + "COPY dir /tmp\n", TREE)
case("copy-everything", B + "COPY . /q\n", TREE)
case("copy-everything-slash", B + "COPY . /q/\n", TREE)
case("copy-private-directory", B + "COPY dir/private /q\n", TREE)
case("copy-empty-directory", B + "COPY empty /q\n", TREE)
case("copy-modes", B + "COPY run.sh secret suid /q/\n", TREE)
case("copy-wildcard", B + "COPY *.txt /q/\n", TREE)
case("copy-wildcard-question", B + "COPY ?.txt /q/\n", TREE)
case("copy-wildcard-class", B + "COPY [a]*.txt /q/\n", TREE)
case("copy-wildcard-one", B + "COPY a* /q\n", TREE)
case("copy-wildcard-none", B + "COPY *.nope /q/\n", TREE)
case("copy-wildcard-directory", B + "COPY d* /q/\n", TREE)
case("copy-wildcard-deep", B + "COPY dir/* /q/\n", TREE)
case("copy-wildcard-bad", B + "COPY [ /q/\n", TREE)
case("copy-json-spaces", B + 'COPY ["with space/x y", "/to here/"]\n', TREE)
case("copy-missing", B + "COPY nope /q\n", TREE)
case("copy-missing-of-several", B + "COPY a.txt nope /q/\n", TREE)
case("copy-one-word", B + "COPY a.txt\n", TREE)
case("copy-nothing", B + "COPY\n", TREE)
case("copy-link", B + "COPY link /q\n", TREE)
case("copy-link-into", B + "COPY link /q/\n", TREE)
case("copy-directory-link", B + "COPY dirlink /q\n", TREE)
case("copy-through-link", B + "COPY dirlink/one /q\n", TREE)
case("copy-relative", B + "WORKDIR /w\nCOPY a.txt sub/\nCOPY b.txt .\n", TREE)
case("copy-relative-no-workdir", B + "COPY a.txt sub/\n", TREE)
case("copy-dot-slash", B + "COPY ./a.txt /q\nCOPY /b.txt /r\n", TREE)
case("copy-expansion", B + "ENV s=a d=/q\nCOPY ${s}.txt $d/\n", TREE)
case("copy-over-file", B + "RUN echo old > /q && chmod 600 /q\nCOPY a.txt /q\n", TREE)
case("copy-directory-over-file", B + "RUN echo old > /q\nCOPY dir /q\n", TREE)
case("copy-file-into-file", B + "RUN echo old > /q\nCOPY a.txt /q/x\n", TREE)
case("copy-over-link", B + "RUN echo old > /real && ln -s /real /q\nCOPY a.txt /q\n", TREE)
case("copy-through-target-link", B + "RUN mkdir /real && ln -s /real /q\nCOPY a.txt /q/x\n", TREE)
case("copy-directory-to-link", B + "RUN mkdir /real && ln -s /real /q\nCOPY dir /q\n", TREE)
case(
    "copy-merges",
    B + "COPY dir /q\nCOPY two /q\n",
    {**TREE, "two/one": "new\n", "two/deep/five": "5\n"},
)
case(
    "copy-link-in-place-of-directory",
    B + "COPY dir /q\nRUN rm -r /q/deep && ln -s /tmp /q/deep\nCOPY dir /q\n",
    TREE,
)
case("copy-unknown-flag", B + "COPY --foo=x a.txt /q\n", TREE)
case("copy-flag-without-value", B + "COPY --chown a.txt /q\n", TREE)
case("copy-flag-twice", B + "COPY --chown=1 --chown=2 a.txt /q\n", TREE)
case("copy-url", B + "COPY http://127.0.0.1:1/x /q\n", TREE)
case("copy-escape", B + "COPY ../a.txt /q\n", TREE)
case("copy-escape-deep", B + "COPY dir/../../../a.txt /q\n", TREE)
case("copy-absolute-link", B + "COPY out /q\n", {"out": ("link", "/etc/passwd", 0)})
case("copy-relative-link-out", B + "COPY out /q\n", {"out": ("link", "../../../etc/passwd", 0)})
case("copy-broken-link", B + "COPY broken /q\n", {"broken": ("link", "nowhere", 0)})
case(
    "copy-directory-broken-link",
    B + "COPY d /q\n",
    {"d/broken": ("link", "nowhere", 0), "d/f": "f\n"},
)
case(
    "copy-absolute-target-of-link-within",
    B + "COPY l /q\n",
    {"l": ("link", "/f", 0), "f": "inside\n"},
)
case("copy-chown-numbers", B + "COPY --chown=12:34 a.txt /q\n", TREE)
case("copy-chown-one-number", B + "COPY --chown=12 a.txt /q\n", TREE)
case("copy-chown-name", B + "COPY --chown=nobody:nogroup a.txt /q\n", TREE)
case("copy-chown-name-alone", B + "COPY --chown=root a.txt /q\n", TREE)
case("copy-chown-unknown-user", B + "COPY --chown=nosuch a.txt /q\n", TREE)
case("copy-chown-unknown-group", B + "COPY --chown=root:nosuch a.txt /q\n", TREE)
case("copy-chown-directory", B + "COPY --chown=12:34 dir /q\n", TREE)
case("copy-chown-existing-directory", B + "COPY --chown=12:34 dir /tmp\n", TREE)
case("copy-chown-makes-directories", B + "COPY --chown=12:34 a.txt /q/r/\n", TREE)
case("copy-chown-makes-directories-for-directory", B + "COPY --chown=12:34 dir /q/r/\n", TREE)
case("copy-chown-expansion", B + "ENV o=7\nCOPY --chown=$o:8 a.txt /q\n", TREE)
case("copy-chown-scratch-name", "FROM scratch\nCOPY --chown=nobody a.txt /q\n", TREE)
case("copy-as-user", B + "USER nobody\nCOPY a.txt /q\n", TREE)
S = "FROM busybox AS one\nRUN mkdir /s && echo x > /s/x && chown 5:6 /s/x && chmod 600 /s/x && ln -s x /s/l && mkdir /s/d && echo y > /s/d/y\n"
case("copy-from-stage", S + "FROM busybox\nCOPY --from=one /s /t\n")
case("copy-from-stage-file", S + "FROM busybox\nCOPY --from=one /s/x /t\n")
case("copy-from-stage-capitals", S + "FROM busybox\nCOPY --from=ONE /s/x /t\n")
case("copy-from-index", S + "FROM busybox\nCOPY --from=0 /s/x /t/\n")
case("copy-from-index-itself", S + "FROM busybox\nCOPY --from=1 /s/x /t/\n")
case("copy-from-index-too-large", S + "FROM busybox\nCOPY --from=7 /s/x /t/\n")
case("copy-from-image", "FROM scratch\nCOPY --from=busybox /etc/passwd /p\n")
case("copy-from-stage-chown", S + "FROM busybox\nCOPY --from=one --chown=9 /s /t\n")
case("copy-from-stage-missing", S + "FROM busybox\nCOPY --from=one /nope /t\n")
case("copy-from-stage-wildcard", S + "FROM busybox\nCOPY --from=one /s/* /t/\n")
case("copy-from-stage-link", S + "FROM busybox\nCOPY --from=one /s/l /t\n")
case(
    "copy-from-stage-absolute-link",
    S + "RUN ln -s /s/x /abs\nFROM busybox\nCOPY --from=one /abs /t\n",
)
case(
    "copy-from-scratch-to-scratch",
    "FROM scratch AS one\nCOPY dir /d\nFROM scratch\nCOPY --from=one /d /e\n",
    TREE,
)
case("copy-many-layers", B + "".join(f"COPY a.txt /n{n}\n" for n in range(12)), TREE)

# ADD
case("add-file", B + "ADD a.txt /q\n", TREE)
case("add-directory", B + "ADD dir /q\n", TREE)
case("add-from", B + "ADD --from=x a.txt /q\n", TREE)
case("add-tar", B + "ADD x.tar /q\n", {"x.tar": tar_of({"f": "f\n", "d/": "", "d/g": "g\n"})})
case("add-tar-gz", B + "ADD x.tgz /q/\n", {"x.tgz": tar_of({"f": "f\n", "d/g": "g\n"}, "gz")})
case("add-tar-bz2", B + "ADD x /q/\n", {"x": tar_of({"f": "f\n"}, "bz2")})
case("add-tar-xz", B + "ADD x /q/\n", {"x": tar_of({"f": "f\n"}, "xz")})
case(
    "add-tar-into-root",
    B + "ADD x.tar /\n",
    {"x.tar": tar_of({"etc/passwd": "new\n", "tmp/t": "t\n"})},
)
case("add-tar-chown", B + "ADD --chown=1:2 x.tar /q/\n", {"x.tar": tar_of({"f": "f\n"})})
case(
    "add-tar-wildcard",
    B + "ADD *.tar /q/\n",
    {"x.tar": tar_of({"f": "f\n"}), "y.tar": tar_of({"g": "g\n"})},
)
case("copy-tar", B + "COPY x.tar /q/\n", {"x.tar": tar_of({"f": "f\n"})})
case("add-not-a-tar", B + "ADD x.tar /q/\n", {"x.tar": "not a tar\n"})
case("add-gzip-not-a-tar", B + "ADD x.gz /q/\n", {"x.gz": b"\x1f\x8bno"})
case("add-missing", B + "ADD nope /q\n", TREE)
case("add-escape-in-tar", B + "ADD x.tar /q/\n", {"x.tar": tar_of({"../out": "o\n", "in": "i\n"})})
case("add-chown", B + "ADD --chown=12:34 a.txt /q\n", TREE)

# flags of the build
case("target", "FROM busybox AS a\nENV x=1\nFROM busybox AS b\nENV x=2\n", {}, "--target", "a")
case("target-capitals", "FROM busybox AS a\nENV x=1\nFROM busybox AS b\n", {}, "--target", "A")
case("target-number", "FROM busybox AS a\nENV x=1\nFROM busybox AS b\n", {}, "--target", "0")
case("target-unknown", "FROM busybox AS a\n", {}, "--target", "zz")
case("target-skips-errors", "FROM busybox AS a\nFROM busybox\nRUN exit 1\n", {}, "--target", "a")
case("quiet", B + "RUN echo hi\n", {}, "-q")
case("quiet-fails", B + "RUN echo hi; exit 2\n", {}, "-q")
case("tags", B, {}, "-t", "case-tags:other", "-t", "localhost:5000/case-tags")
case("tag-bad", B, {}, "-t", "UPPER")
case("named-file", None, {"other": B + "ENV a=b\n"}, "-f", "CONTEXT/other")
case(
    "named-file-below",
    None,
    {"sub/Dockerfile": B + "COPY x /\n", "x": "x\n"},
    "-f",
    "CONTEXT/sub/Dockerfile",
)
case("no-rm", B + "RUN true\n", {}, "--rm=false")
case("network-none", B + "RUN ip link | grep -c eth0; true\n", {}, "--network", "none")
case("add-host", B + "RUN grep foo /etc/hosts\n", {}, "--add-host", "foo:1.2.3.4")
case(
    "shm-size",
    B + "RUN df -k /dev/shm | tail -n1 | tr -s ' ' | cut -d' ' -f2\n",
    {},
    "--shm-size",
    "32m",
)
case("ulimit", B + "RUN ulimit -n\n", {}, "--ulimit", "nofile=77:99")
case("memory-too-small", B + "RUN true\n", {}, "--memory", "1m")
case(
    "cpu-shares",
    B + "RUN true\n",
    {},
    "--cpu-shares",
    "77",
    "--memory",
    "64m",
    "--cpu-quota",
    "50000",
    "--cpu-period",
    "100000",
)

# contexts
case("ignore", B + "COPY . /q\n", {**TREE, ".dockerignore": "*.txt\n!b.txt\ndir/deep\n"})
case(
    "ignore-dockerfile",
    B + "COPY . /q\n",
    {"x": "x\n", ".dockerignore": "Dockerfile\n.dockerignore\n"},
)
case("ignore-everything-but", B + "COPY . /q\n", {**TREE, ".dockerignore": "*\n!dir/one\n"})
case("ignore-copy-excluded", B + "COPY a.txt /q\n", {**TREE, ".dockerignore": "a.txt\n"})
case(
    "ignore-double-star",
    B + "COPY . /q\n",
    {**TREE, ".dockerignore": "**/one\n# comment\n\n**/*.txt\n"},
)
case("ignore-bad", B + "COPY . /q\n", {**TREE, ".dockerignore": "[\n"})
case("stdin-file", None, stdin=lambda: (B + "ENV a=b\n").encode())
case("stdin-file-copy", None, stdin=lambda: (B + "COPY x /\n").encode())
case("stdin-tar", None, stdin=lambda: tar_of({"Dockerfile": B + "COPY x /\n", "x": "x\n"}))
case("stdin-tar-gz", None, stdin=lambda: tar_of({"Dockerfile": B + "COPY x /\n", "x": "x\n"}, "gz"))
case(
    "stdin-tar-bz2", None, stdin=lambda: tar_of({"Dockerfile": B + "COPY x /\n", "x": "x\n"}, "bz2")
)
case("stdin-tar-xz", None, stdin=lambda: tar_of({"Dockerfile": B + "COPY x /\n", "x": "x\n"}, "xz"))
case("stdin-tar-no-file", None, stdin=lambda: tar_of({"x": "x\n"}))
case("stdin-tar-lower-case", None, stdin=lambda: tar_of({"dockerfile": B + "ENV a=b\n"}))
case("stdin-tar-escape", None, stdin=lambda: tar_of({"Dockerfile": B, "../../out": "x\n"}))
case("stdin-tar-cut", None, stdin=lambda: tar_of({"Dockerfile": B, "x": "x" * 5000})[:3000])

# the cache
L = "FROM busybox\nLABEL cache={}\n"


def steps(name: str, rest: str, files: Mapping[str, Entry] | None = None, *arguments: str) -> Build:
    return Build(L.format(name) + rest, files or {}, arguments)


def repeated(name: str, rest: str, files: Mapping[str, Entry] | None = None) -> None:
    sequence(name, steps(name, rest, files), steps(name, rest, files))


repeated("cache-all", "ENV a=b\nRUN echo x > /x\nCOPY a.txt /\nWORKDIR /w\nCMD x\n", TREE)
repeated("cache-directory", "COPY dir /d\nRUN true\n", TREE)
repeated("cache-add-tar", "ADD x.tar /d\n", {"x.tar": tar_of({"f": "f\n"})})
N = "cache-content"
sequence(
    N,
    steps(N, "COPY f /\nRUN true\n", {"f": "1\n"}),
    steps(N, "COPY f /\nRUN true\n", {"f": "2\n"}),
)
N = "cache-mode"
sequence(
    N,
    steps(N, "COPY f /\n", {"f": ("file", "1", 0o644)}),
    steps(N, "COPY f /\n", {"f": ("file", "1", 0o755)}),
)
N = "cache-time"
sequence(
    N,
    steps(N, "COPY f /\n", {"f": ("touch", "1", 1000)}),
    steps(N, "COPY f /\n", {"f": ("touch", "1", 2000)}),
)
N = "cache-name"
sequence(N, steps(N, "COPY f /x\n", {"f": "1"}), steps(N, "COPY g /x\n", {"g": "1"}))
N = "cache-other-file"
sequence(
    N,
    steps(N, "COPY f /\n", {"f": "1", "other": "a"}),
    steps(N, "COPY f /\n", {"f": "1", "other": "b"}),
)
N = "cache-file-more-in-directory"
sequence(
    N, steps(N, "COPY d /d\n", {"d/f": "1"}), steps(N, "COPY d /d\n", {"d/f": "1", "d/g": "2"})
)
N = "cache-env-changed"
sequence(
    N,
    steps(N, "ENV a=1\nRUN true\n"),
    steps(N, "ENV a=2\nRUN true\n"),
    steps(N, "ENV a=1\nRUN true\n"),
)
N = "cache-busted-stays-busted"
sequence(N, steps(N, "ENV a=1\nENV b=1\n"), steps(N, "ENV c=1\nENV b=1\n"))
N = "cache-arg"
sequence(
    N,
    steps(N, "ARG v\nRUN echo $v\n", {}, "--build-arg", "v=1"),
    steps(N, "ARG v\nRUN echo $v\n", {}, "--build-arg", "v=2"),
    steps(N, "ARG v\nRUN echo $v\n", {}, "--build-arg", "v=1"),
)
N = "cache-arg-unused-by-run"
sequence(
    N,
    steps(N, "RUN true\nARG v\nENV q=1\n", {}, "--build-arg", "v=1"),
    steps(N, "RUN true\nARG v\nENV q=1\n", {}, "--build-arg", "v=2"),
)
N = "cache-proxy-does-not-count"
sequence(
    N,
    steps(N, "RUN true\n", {}, "--build-arg", "HTTP_PROXY=http://a"),
    steps(N, "RUN true\n", {}, "--build-arg", "HTTP_PROXY=http://b"),
    steps(N, "RUN true\n"),
)
N = "cache-no-cache"
sequence(
    N, steps(N, "RUN true\n"), steps(N, "RUN true\n", {}, "--no-cache"), steps(N, "RUN true\n")
)
N = "cache-stages"
rest = "COPY f /f\nFROM busybox\nLABEL second=" + N + "\nCOPY --from=0 /f /g\nRUN true\n"
sequence(N, steps(N, rest, {"f": "1"}), steps(N, rest, {"f": "1"}), steps(N, rest, {"f": "2"}))
N = "cache-stage-busted-next-is-not"
rest = "COPY f /f\nFROM busybox\nLABEL second=" + N + "\nRUN true\n"
sequence(N, steps(N, rest, {"f": "1"}), steps(N, rest, {"f": "2"}))
N = "cache-scratch"
sequence(
    N,
    Build(f"FROM scratch\nCOPY f /{N}\n", {"f": "1"}),
    Build(f"FROM scratch\nCOPY f /{N}\n", {"f": "1"}),
)
N = "cache-workdir-does-not-count"
sequence(N, steps(N, "WORKDIR /a\nRUN true\n"), steps(N, "WORKDIR /a\nRUN true\nWORKDIR /b\n"))
N = "cache-shell-counts"
sequence(N, steps(N, "RUN true\n"), steps(N, 'SHELL ["/bin/sh", "-ec"]\nRUN true\n'))
N = "cache-label-of-client"
sequence(
    N, steps(N, "RUN true\n", {}, "--label", "q=1"), steps(N, "RUN true\n", {}, "--label", "q=2")
)
N = "cache-from-source"
sequence(
    N,
    steps(N, "RUN true\nENV a=1\n"),
    steps(N, "RUN true\nENV a=1\n", {}, "--cache-from", f"case-{N}:0"),
    steps(N, "RUN true\nENV a=2\n", {}, "--cache-from", f"case-{N}:0"),
)
N = "cache-from-unknown"
sequence(N, steps(N, "RUN true\n"), steps(N, "RUN true\n", {}, "--cache-from", "case-nosuch:1"))
N = "cache-failed-run"
sequence(N, steps(N, "RUN true\nRUN exit 1\n"), steps(N, "RUN true\nRUN exit 1\n"))
N = "cache-onbuild"
rest = "ONBUILD RUN echo t > /t\nFROM one\nRUN cat /t\n"
sequence(
    N,
    Build(f"FROM busybox AS one\nLABEL cache={N}\n{rest}"),
    Build(f"FROM busybox AS one\nLABEL cache={N}\n{rest}"),
)
N = "cache-chown"
sequence(
    N, steps(N, "COPY --chown=1 f /\n", {"f": "1"}), steps(N, "COPY --chown=2 f /\n", {"f": "1"})
)
N = "cache-target-name"
sequence(N, steps(N, "COPY f /a\n", {"f": "1"}), steps(N, "COPY f /b\n", {"f": "1"}))
N = "cache-link"
sequence(
    N,
    steps(N, "COPY d /d\n", {"d/l": ("link", "f", 0), "d/f": "1", "d/g": "1"}),
    steps(N, "COPY d /d\n", {"d/l": ("link", "g", 0), "d/f": "1", "d/g": "1"}),
)
