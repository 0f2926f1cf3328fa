"""The same sub-tasks on Ray, with a task killed in the middle."""

import os
import socket
import threading

import pytest

from ddcodec.errors import InputError
from ddcodec.train.schedule.plan import make_plan
from ddcodec.train.schedule.slices import Settings
from tests.train.small_runs import DIGITS
from tests.train.small_schedules import CONFIG, Killer, Told, distil, lines, local

pytest.importorskip("ray")
# Ray leaves sockets and log files to the garbage collector, and looks at its own old settings.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def on_ray(plan, out, **options):
    from ddcodec.train.schedule.ray_engine import RayEngine

    return RayEngine(plan, out, 2, Settings(slices=2), **options)


def test_ray_makes_the_same_with_a_task_killed(tmp_path, capfd):
    expected = distil(tmp_path / "local", local(2), subtasks=3)
    told, out = Told(), tmp_path / "ray"
    assert distil(out, on_ray, subtasks=3, told=told, on_event=Killer(out, begun=2)) == expected
    (failure,) = lines(out, "failure")
    assert failure["step"] > 0
    cause = "its Ray task was killed (out of memory?)"
    assert told.lines == [f"block 2 (classes 6..9): {cause}; tried again from step {failure['step']}"]
    assert (out / "merged.ddz").read_bytes() == (tmp_path / "local" / "merged.ddz").read_bytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("address", ["nowhere", "host:port", "127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_addresses_without_a_cluster(tmp_path, address):
    with pytest.raises(InputError, match=f"--address {address}: "):
        on_ray(make_plan(CONFIG, DIGITS, 2), tmp_path, address=address)


def test_an_address_of_something_else(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n"))
        thread.start()
        with pytest.raises(InputError, match="something else than Ray listens there"):
            on_ray(make_plan(CONFIG, DIGITS, 2), tmp_path, address=f"127.0.0.1:{port}")
        thread.join()


@pytest.mark.parametrize(("token", "chosen", "mode"), [(True, None, "token"), (False, None, None), (True, "k", "k")])
def test_a_token_goes_along_to_a_far_cluster(tmp_path, monkeypatch, token, chosen, mode):
    from ddcodec.train.schedule.ray_engine import show_token

    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "")  # so that they are as they were, afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    if chosen:
        monkeypatch.setenv("RAY_AUTH_MODE", chosen)
    show_token()
    assert os.environ.get("RAY_AUTH_MODE") == mode
