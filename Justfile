# Trimaran: `just demo` shows it, `just test` proves it, `just up` runs it. Each recipe sets up what is missing first.

set positional-arguments

python := ".venv/bin/python"
beside := "tests/architecture tests/config tests/contracts tests/demo tests/engine tests/fakes tests/harness tests/supervisors tests/clients"
apart := "tests/bench tests/integration"

# List the recipes.
default:
    @just --list --unsorted

# Set up what is missing: OS packages (as root, by apt), .venv from the lock file, compiled files.
setup:
    @sh scripts/setup.sh

# Show the engine at its main job, each step checked: about ten seconds, nothing is left behind.
demo: setup
    {{python}} -m demo

# Measure it beside the machine's dockerd, about ten minutes, into bench/RESULTS.md (--quick: a smoke).
bench *args: setup
    {{python}} -m bench "$@"

# Run the daemon in the foreground.
up *args: setup
    PYTHONOPTIMIZE=2 {{python}} -m engine "$@"

# The long proofs: a fault at every await of every service, every exit looked at at once (some minutes).
faults *args: setup
    {{python}} -m pytest -m torture tests/integration/test_faults.py tests/integration/test_plugin_faults.py tests/integration/test_die.py "$@"

# Kill the daemon before and after each of its effects, and a hundred times at random (half an hour); --seed repeats.
torture *args: setup
    {{python}} -m pytest -m torture -s tests/integration/test_crashes.py tests/integration/test_torture.py tests/integration/test_lines.py tests/integration/test_event_streams.py tests/integration/test_hundreds.py tests/integration/test_limits.py tests/integration/test_stuck.py tests/integration/test_cycles.py tests/integration/test_fuzz.py tests/integration/test_published_under_load.py tests/integration/test_network_churn.py tests/integration/test_plugin_crashes.py tests/integration/test_large_builds.py tests/clients/test_names_inside.py "$@"

# All network tests with bridge-nf-call-iptables 0 and 1, each beside a foreign FORWARD policy of ACCEPT and DROP.
surroundings *args: setup
    {{python}} -m pytest -m torture -s tests/integration/test_network_matrix.py "$@"

# Kill the daemon at fifty moments of pull, load, commit and rmi; hostile archives in full size (some minutes).
images *args: setup
    {{python}} -m pytest -m torture -s tests/integration/test_image_crashes.py tests/integration/test_hostile_archives.py "$@"

# Half an hour of mixed work: memory, descriptors and threads stay what they are (SOAK_SECONDS for less).
soak *args: setup
    {{python}} -m pytest -m torture -s tests/integration/test_soak.py "$@"

# An hour of logs without a receiver, 100,000 health probes, what comes 90 s late (an hour and a half; PROBES for less).
patience *args: setup
    {{python}} -m pytest -m torture -s tests/integration/test_receiver_away.py tests/integration/test_probes.py tests/integration/test_start_retry.py tests/engine/domain/containers/test_onunhealthy.py tests/engine/domain/containers/test_probing.py "$@"

# Every file of the data root damaged in every way; a hundred containers through restarts, kills and upgrades.
hardships *args: setup
    {{python}} -m pytest -m torture tests/integration/test_damage.py tests/integration/test_handover.py "$@"

# Checks and all tests: unit, integration on real containerd, real clients.
test *args: setup
    #!/usr/bin/env bash
    # In two halves at a time: most of it waits, and there are two processors nearly everywhere.
    set -uo pipefail
    beside() {
        {{just_executable()}} check || return
        if [ "$1" = 0 ]; then {{python}} -m pytest -o cache_dir=.pytest_cache_beside {{beside}}; fi
    }
    beside $# >.beside.log 2>&1 & other=$!
    if [ $# = 0 ]; then set -- {{apart}}; fi
    {{python}} -m pytest "$@"; mine=$?
    wait "$other"; other=$?
    cat .beside.log
    exit $((mine || other))

# The checks again, and alone the tests that failed last.
again *args: check
    #!/usr/bin/env bash
    set -uo pipefail
    failed=0 found=0
    for cache in .pytest_cache .pytest_cache_beside; do
        {{python}} -m pytest -o "cache_dir=$cache" --last-failed --last-failed-no-failures none "$@"
        case $? in 0) found=1 ;; 5) ;; *) failed=1 ;; esac
    done
    exit $((failed || !found))

# Format, lint, types, direction of imports.
check: setup
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# Format the sources and mend what the linter can.
fix: setup
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# Generate the containerd stubs from engine/adapters/containerd/protos.
protos: setup
    {{python}} -m engine.adapters.containerd.generate

# Write requirements.lock anew from pyproject.toml (needs uv from PyPI).
lock: setup
    .venv/bin/pip install --quiet uv
    .venv/bin/uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url --no-annotate --output-file requirements.lock
