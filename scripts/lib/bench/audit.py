"""The record: session snapshots into the embedded store and into the one with ClickHouse behind it, bytes a record, look-ups;
by audit_bench, with a ClickHouse server of its own on the loopback."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

TARGETS = ["audit_bench"]
START_SECONDS = 60
LOOKUPS = ["address_and_port_at_a_second", "port_at_a_second", "account", "outside_address", "name", "names_below", "session",
           "newest_100"]
# What it must be, at least or at most; docs: DESIGN's budgets.
BUDGETS = {"snapshots_per_second": (100_000, "least"), "bytes_per_record": (60, "most"),
           "address_and_port_at_a_second_ms": (50, "most")}
CONFIG = """<yandex><logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
<http_port>{port}</http_port><listen_host>127.0.0.1</listen_host><path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>536870912</mark_cache_size></yandex>
"""
USERS = """<yandex><profiles><default><max_memory_usage>4000000000</max_memory_usage></default></profiles>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default></users><quotas><default/></quotas></yandex>
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def clickhouse(folder):
    """The URL of a server; None where the program is not installed."""
    program = shutil.which("clickhouse-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        yield None
        return
    port = free_port()
    folder.mkdir()
    (folder / "config.xml").write_text(CONFIG.format(folder=folder, port=port))
    (folder / "users.xml").write_text(USERS)
    with subprocess.Popen([program, f"--config-file={folder}/config.xml"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{program} does not start")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def measure(binaries, arguments):
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as name:
        folder = pathlib.Path(name)
        with clickhouse(folder / "clickhouse") as url:
            command = [binaries / "tests/bench/audit_bench", folder / "stores", str(arguments.sessions), "--json"]
            (folder / "stores").mkdir()
            if url:
                command += ["--clickhouse", url]
            if arguments.store:
                command += ["--only", arguments.store]
            # Its stderr is this one's: it shows there how far it is.
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"audit_bench failed: {run.stdout.strip()[-300:]}")
    stores = json.loads(run.stdout)
    for store in stores.values():
        # A session is announced, named and closed: three snapshots, each a record written.
        store["sessions_per_second"] = store["snapshots_per_second"] / 3
    if url is None:
        stores["skipped"] = "clickhouse-server is not installed"
    return {"sessions": arguments.sessions} | stores


def missed(name, value):
    bound, kind = BUDGETS.get(name, (None, None))
    if bound is None or value is None:
        return ""
    return "" if (value >= bound if kind == "least" else value <= bound) else "  MISSED"


def show(results):
    stores = [name for name in ("embedded", "clickhouse") if name in results]
    print(f"   {results['sessions']:,} sessions, three snapshots each")
    print(f"   {'':<32} " + "".join(f"{name:>14}" for name in stores) + "    budget")
    rows = [("snapshots_per_second", "records written a second"), ("sessions_per_second", "whole sessions a second"),
            ("snapshots_per_cpu_second", "snapshots a second of CPU"), ("longest_batch_ms", "longest batch of 8,192, ms"), ("bytes_per_record_of_today", "bytes a record, as it comes"),
            ("bytes_per_record", "bytes a record, day over"), ("records_packed_per_second", "records packed, day over"),
            ("records_sealed_per_second", "records sealed, or checked"),
            ("records_indexed_checked_per_second", "and their index, in a check"), ("rows_shipped_per_second", "rows shipped, beside it"),
            ("rows_migrated_per_second", "rows migrated"), ("rows_compared_per_second", "rows compared")]
    rows += [(f"{lookup}_ms", f"{lookup.replace('_', ' ')}, ms") for lookup in LOOKUPS]
    for key, label in rows:
        values = [results[name].get(key) for name in stores]
        cells = "".join(f"{'-' if value is None else format(value, ',.1f' if value < 1000 else ',.0f'):>14}"
                        for value in values)
        bound, kind = BUDGETS.get(key, (None, None))
        budget = "" if bound is None else f"    {'≥' if kind == 'least' else '≤'} {bound:,}{missed(key, values[0])}"
        print(f"   {label:<32} {cells}{budget}")
    if "skipped" in results:
        print(f"   ClickHouse: {results['skipped']}")
