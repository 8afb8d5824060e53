"""The Sandbox's pages: what hostile words do there, and who may press its buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from platforms.sandbox.network import EXTENSION, Network
from platforms.sandbox.records import Account
from platforms.sandbox.seed import seed
from platforms.sandbox.site import create_app
from tests.platforms.test_sandbox_store import png

HOME = "http://localhost"
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> </textarea></div>"
    " {{ 7 * 7 }} javascript:alert(1) https://evil.example/'onclick=alert(1)// \u202egnp.exe"
    " https://evil.example/<b> @northmoor_fire #<i>"
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(tmp_path / "data")
    yield made
    made.extensions[EXTENSION].store.close()


@pytest.fixture
def net(app: Flask) -> Network:
    found: Network = app.extensions[EXTENSION]
    return found


@pytest.fixture
def fire(net: Network) -> Account:
    return net.store.accounts.create(
        handle="northmoor_fire", display_name="Northmoor Fire", official=True
    )


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


class Visitor:
    """A browser without a window: keeps cookies, and sends what its forms hold."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def token(self, page: str = "/compose") -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.client.get(page).text)
        assert found
        return found[1]

    def send(
        self, path: str, *, origin: str | None = HOME, token: str | None = None, **fields: str
    ) -> TestResponse:
        fields["form_token"] = self.token() if token is None else token
        headers = {} if origin is None else {"Origin": origin}
        return self.client.post(path, data=fields, headers=headers)

    def say(self, text: str, handle: str = "asha", name: str = "Asha", **more: str) -> TestResponse:
        return self.send("/posts", text=text, handle=handle, display_name=name, **more)


def links(page: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', page)


class TestHostileWords:
    def test_nothing_gets_out_of_a_post(self, visitor: Visitor, fire: Account) -> None:
        answer = visitor.say(HOSTILE, name="<b>Asha</b>\u202e")
        assert answer.status_code == 303
        where = answer.headers["Location"]
        pages = ["/", where, "/@asha", "/search?q=alert", f"/search?q={'<script>'}"]
        for path in pages:
            page = visitor.client.get(path).text
            assert "<script" not in page
            assert "<img src=x" not in page
            assert "<b>" not in page
            assert "<i>" not in page
            assert "</textarea></div>" not in page
            assert not re.search(r"<[^>]*\son\w+=", page)
            assert all(link.startswith(("/", "http://", "https://", "#")) for link in links(page))
        assert "{{ 7 * 7 }}" in visitor.client.get("/").text

    def test_what_was_typed_comes_back_escaped(self, visitor: Visitor) -> None:
        answer = visitor.say(HOSTILE, handle="no good", name='"><script>alert(1)</script>')
        assert answer.status_code == 422
        assert "<script" not in answer.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
        assert "A handle has 2 to 30 letters" in answer.text

    def test_links_to_elsewhere_say_so(self, visitor: Visitor, fire: Account) -> None:
        visitor.say("see https://a.example/?x=1&y=2 @northmoor_fire @nobody #Flood")
        page = visitor.client.get("/@asha").text
        assert (
            '<a href="https://a.example/?x=1&amp;y=2" rel="nofollow ugc noopener noreferrer">'
            in page
        )
        assert '<a href="/@northmoor_fire">@northmoor_fire</a>' in page
        assert '<a href="/search?q=%23Flood">#Flood</a>' in page
        assert "/@nobody" not in links(page)

    def test_images_are_served_as_images_only(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        media_id = net.store.media.add(fire, png())
        assert visitor.client.get(f"/media/{media_id}").status_code == 404
        net.store.posts.create(fire, "", images=[(media_id, '"><script>alert(1)</script>')])
        page = visitor.client.get("/").text
        assert "<script" not in page
        answer = visitor.client.get(f"/media/{media_id}")
        assert answer.mimetype == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        answer.close()

    def test_every_answer_has_its_headers(self, visitor: Visitor, fire: Account) -> None:
        for path in ("/", "/compose", "/faults", "/accounts", "/nothing", "/healthz", "/api/x"):
            headers = visitor.client.get(path).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["X-Content-Type-Options"] == "nosniff"

    def test_pages_need_no_script_and_no_inline_style(
        self, visitor: Visitor, fire: Account
    ) -> None:
        visitor.say("Hello @northmoor_fire")
        for path in ("/", "/@asha", "/@asha/1", "/faults", "/accounts", "/arrivals", "/search"):
            page = visitor.client.get(path).text
            assert "<script" not in page
            assert "style=" not in page


class TestForms:
    PATHS = (
        "/posts",
        "/accounts",
        "/accounts/northmoor_fire/token",
        "/accounts/northmoor_fire/revoke",
        "/faults",
        "/faults/off",
        "/faults/1/off",
    )
    FIELDS = {"text": "Hi", "handle": "eve", "display_name": "Eve", "kind": "hang"}

    def everything(self, net: Network, fire: Account) -> tuple[int, int, int, dict[int, int]]:
        return (
            len(net.store.lists.timeline()),
            len(net.store.faults.active()),
            len(net.store.accounts.listed(official=True)),
            net.store.accounts.token_counts(),
        )

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "http://localhost:8000", "https://localhost", "null", "", None],
    )
    def test_other_sites_cannot_send_them(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
        path: str,
        origin: str | None,
    ) -> None:
        net.store.accounts.token_create(fire)
        before = self.everything(net, fire)
        assert visitor.send(path, origin=origin, **self.FIELDS).status_code == 403
        assert self.everything(net, fire) == before

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("token", ["", "x", "é"])
    def test_they_need_this_browsers_token(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
        path: str,
        token: str,
    ) -> None:
        before = self.everything(net, fire)
        visitor.token()
        assert visitor.send(path, token=token, **self.FIELDS).status_code == 403
        stranger = Visitor(visitor.client.application.test_client())
        assert stranger.send(path, token=visitor.token(), **self.FIELDS).status_code == 403
        assert self.everything(net, fire) == before

    def test_every_form_is_in_that_list(self, app: Flask) -> None:
        rules = {
            rule.rule.replace("<handle>", "northmoor_fire").replace("<int:fault_id>", "1")
            for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
        }
        assert rules == set(self.PATHS)

    def test_without_an_origin_the_browsers_word_counts(
        self, visitor: Visitor, fire: Account
    ) -> None:
        fields = {**self.FIELDS, "form_token": visitor.token()}
        for said, status in (("same-origin", 303), ("same-site", 403), ("cross-site", 403)):
            answer = visitor.client.post("/posts", data=fields, headers={"Sec-Fetch-Site": said})
            assert answer.status_code == status

    def test_the_cookie_stays_here(self, visitor: Visitor) -> None:
        cookie = visitor.client.get("/compose").headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie

    def test_an_older_page_still_works_and_the_token_stays(self, visitor: Visitor) -> None:
        first = visitor.token()
        assert visitor.token("/accounts") == first
        assert visitor.send("/posts", token=first, **self.FIELDS).status_code == 303

    def test_it_answers_to_its_own_names_only(self, tmp_path: Path) -> None:
        made = create_app(tmp_path / "two", hosts=["sandbox.example"])
        client = made.test_client()
        assert client.get("/", headers={"Host": "sandbox.example:8001"}).status_code == 200
        for host in ("evil.example", "localhost", "sandbox.example.evil.example"):
            answer = client.get("/", headers={"Host": host})
            assert answer.status_code == 400
            assert "evil" not in answer.text
        made.extensions[EXTENSION].store.close()


class TestPostingAsAStranger:
    def test_a_new_person_mentions_an_account(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        answer = visitor.say("@northmoor_fire help")
        assert answer.headers["Location"] == "/@asha/1?posted=1"
        page = visitor.client.get(answer.headers["Location"]).text
        assert "Posted." in page
        notices, _ = net.store.lists.notices(fire, None, 50)
        assert [(one.kind, one.post.author.display_name) for one in notices] == [
            ("mention", "Asha")
        ]

    def test_a_mention_that_the_page_offers_is_made_once(
        self, visitor: Visitor, fire: Account, net: Network
    ) -> None:
        for page in ("/@northmoor_fire", "/compose?mention=northmoor_fire"):
            assert 'name="mention" value="northmoor_fire"' in visitor.client.get(page).text
        visitor.say("help", mention="northmoor_fire")
        visitor.say("help @Northmoor_Fire!", mention="northmoor_fire")
        texts = [one.post.text for one in net.store.lists.notices(fire, None, 50)[0]]
        assert texts == ["@northmoor_fire help", "help @Northmoor_Fire!"]
        assert visitor.say(" ", mention="northmoor_fire").status_code == 422
        assert visitor.client.get("/compose?mention=nobody").status_code == 404

    def test_the_browser_remembers_who_one_was(self, visitor: Visitor) -> None:
        visitor.say("Hello")
        assert '<option value="asha" selected>Asha (@asha)</option>' in visitor.client.get("/").text
        answer = visitor.send("/posts", text="Again", person="asha")
        assert answer.headers["Location"] == "/@asha/2?posted=1"

    def test_a_reply_goes_under_the_post(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        post, _ = net.store.posts.create(fire, "Stay away from the weir.")
        visitor.say("Why?", in_reply_to=str(post.id))
        assert "Why?" in visitor.client.get(f"/@northmoor_fire/{post.id}").text
        assert "1 reply" in visitor.client.get("/").text

    @pytest.mark.parametrize("field", ["handle", "person"])
    def test_nobody_speaks_for_an_official_account(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
        field: str,
    ) -> None:
        answer = visitor.send("/posts", text="Evacuate!", **{field: "@Northmoor_Fire"})
        assert answer.status_code == 403
        assert "only its own people can post as it" in answer.text
        assert net.store.lists.timeline() == []

    @pytest.mark.parametrize("target", ["99", "x", "-1", "9" * 30])
    def test_a_post_that_is_gone_cannot_be_answered(self, visitor: Visitor, target: str) -> None:
        answer = visitor.say("Why?", in_reply_to=target)
        assert answer.status_code == 422
        assert "is gone" in answer.text
        assert "Why?" in answer.text

    def test_too_long_a_text_is_kept_and_counted(self, visitor: Visitor) -> None:
        answer = visitor.say("x" * 503)
        assert answer.status_code == 422
        assert "this one has 503" in answer.text
        assert "x" * 503 in answer.text

    def test_a_form_that_is_too_large(self, visitor: Visitor) -> None:
        answer = visitor.say("x" * 100_000)
        assert answer.status_code == 413
        assert "more than the network takes" in answer.text


class TestReading:
    def test_what_is_not_there(self, visitor: Visitor, fire: Account) -> None:
        visitor.say("Hello")
        for path in (
            "/@nobody",
            "/@northmoor_fire/1",
            "/@asha/2",
            "/@asha/9" + "9" * 30,
            "/media/x",
            "/media/..%2fsandbox.sqlite3",
            "/accounts/x/token",
        ):
            answer = visitor.client.get(path)
            assert answer.status_code in (404, 405), path

    def test_deleted_and_hidden_posts(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        post, _ = net.store.posts.create(fire, "Stay away")
        visitor.say("so rude", in_reply_to=str(post.id))
        net.store.posts.hide(fire, 2)
        page = visitor.client.get(f"/@northmoor_fire/{post.id}").text
        assert "<details" in page
        assert "Hidden by the account that was answered" in page
        net.store.posts.delete(fire, post.id)
        page = visitor.client.get(f"/@northmoor_fire/{post.id}").text
        assert "Stay away" not in page
        assert "deleted by its author" in page
        assert 'id="reply"' not in page
        assert "Stay away" not in visitor.client.get("/").text

    def test_deep_threads_are_shown_whole(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        parent, _ = net.store.posts.create(fire, "number 0")
        for number in range(1, 8):
            parent, _ = net.store.posts.create(fire, f"number {number}", in_reply_to=parent.id)
        root = visitor.client.get("/@northmoor_fire/1").text
        middle = visitor.client.get("/@northmoor_fire/4").text
        for page in (root, middle):
            assert [int(n) for n in re.findall(r"number (\d)", page)] == list(range(8))
        assert root.count('class="branch d3"') == 4

    def test_pages_of_the_timeline_join_without_gap_or_repeat(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        for number in range(45):
            net.store.posts.create(fire, f"post {number}.")
        for start in ("/", "/@northmoor_fire"):
            seen: list[int] = []
            path = start
            while path:
                page = visitor.client.get(path).text
                seen += [int(n) for n in re.findall(r"post (\d+)\.", page)]
                found = re.search(r'href="([^"]*before=\d+)"', page)
                path = found[1] if found else ""
            assert seen == list(range(44, -1, -1))

    def test_looking_for_new_posts(self, visitor: Visitor) -> None:
        visitor.say("one")
        assert "Nothing new yet." in visitor.client.get("/?seen=1").text
        visitor.say("two")
        page = visitor.client.get("/?seen=1").text
        assert "1 new post." in page
        assert page.index("two") < page.index("You have seen what is below") < page.index(">one<")
        assert visitor.client.get("/?seen=x&before=y").status_code == 200


class TestDesk:
    def test_an_account_and_its_token(self, visitor: Visitor, net: Network) -> None:
        answer = visitor.send("/accounts", handle="northmoor_parks", display_name="Parks")
        found = re.search(r'class="secret">([^<]+)<', answer.text)
        assert found
        assert answer.headers["Cache-Control"] == "no-store"
        account = net.store.accounts.by_token(found[1])
        assert account is not None
        assert (account.handle, account.official) == ("northmoor_parks", True)
        assert found[1] not in visitor.client.get("/accounts").text
        answer = visitor.send("/accounts/northmoor_parks/revoke")
        assert "no longer work" in answer.text
        assert net.store.accounts.by_token(found[1]) is None

    def test_a_taken_handle(self, visitor: Visitor, fire: Account) -> None:
        answer = visitor.send("/accounts", handle="northmoor_fire", display_name="Fire")
        assert answer.status_code == 422
        assert "is taken already" in answer.text

    def test_people_have_no_tokens(self, visitor: Visitor) -> None:
        visitor.say("Hello")
        assert visitor.send("/accounts/asha/token").status_code == 404

    def test_faults_are_switched_on_and_off(
        self,
        visitor: Visitor,
        fire: Account,
        net: Network,
    ) -> None:
        fields = {"kind": "hang", "scope": "posting", "handle": "northmoor_fire"}
        assert visitor.send("/faults", seconds="7", times="2", **fields).status_code == 303
        page = visitor.client.get("/faults").text
        assert "2 more times" in page
        assert "@northmoor_fire" in page
        assert "1 fault switched on." in visitor.client.get("/").text
        (fault,) = net.store.faults.active()
        assert visitor.send(f"/faults/{fault.id}/off").status_code == 303
        assert net.store.faults.active() == []
        visitor.send("/faults", **fields)
        visitor.send("/faults/off")
        assert net.store.faults.active() == []

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"kind": "hang", "scope": "posting", "seconds": "soon"}, 422),
            ({"kind": "hang", "scope": "posting", "times": "-3"}, 422),
            ({"kind": "explode", "scope": "posting"}, 400),
            ({"kind": "hang"}, 400),
        ],
    )
    def test_nonsense_is_said_and_nothing_is_switched_on(
        self,
        visitor: Visitor,
        net: Network,
        fields: dict[str, str],
        status: int,
    ) -> None:
        answer = visitor.send("/faults", **fields)
        assert answer.status_code == status
        assert net.store.faults.active() == []

    def test_arrivals(self, visitor: Visitor, fire: Account) -> None:
        assert "Nothing has arrived yet" in visitor.client.get("/arrivals").text
        visitor.client.get("/api/mentions")
        page = visitor.client.get("/arrivals").text
        assert "GET /api/mentions" in page
        assert "401" in page


def test_the_demo_shows(visitor: Visitor, net: Network) -> None:
    seed(net.store)
    page = visitor.client.get("/").text
    assert "Northmoor Police" in page
    assert "Asha Patel" in page
    assert visitor.client.get("/healthz").get_json() == {"status": "ok"}
