"""Mentions, the threads they form, who wrote them, and what we make of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value

from accounts.models import SocialAccount
from scheduling.models import Post


class Kind(models.TextChoices):
    """The kinds of platforms.contract.MentionKind, for people."""

    MENTION = "mention", "Mention"
    REPLY = "reply", "Reply"
    QUOTE = "quote", "Quote"
    MESSAGE = "message", "Direct message"
    MATCH = "match", "Keyword match"


class Status(models.TextChoices):
    UNREAD = "unread", "Unread"
    OPEN = "open", "Open"
    DONE = "done", "Done"


class Contact(models.Model):
    """Somebody outside who wrote to an account, as one platform knows them."""

    platform = models.CharField(max_length=32)
    base_url = models.CharField(max_length=255)
    remote_id = models.CharField(max_length=255)
    handle = models.CharField(max_length=255)
    display_name = models.CharField(max_length=200, blank=True)
    profile_url = models.CharField(max_length=500, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "base_url", "remote_id"], name="contact_known_once"
            )
        ]

    def __str__(self) -> str:
        return self.display_name or self.handle


class Conversation(models.Model):
    """The thread of mentions and our replies that people work on."""

    account = models.ForeignKey(
        SocialAccount, on_delete=models.PROTECT, related_name="conversations"
    )
    thread_id = models.CharField(max_length=255)  # the platform's own
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="conversations")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.UNREAD)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="conversations",
    )
    last_mention = models.ForeignKey(
        "mentions.Mention", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_at = models.DateTimeField()  # when the last mention was posted there
    version = models.PositiveIntegerField(default=1)  # goes up with anything new, for live pages
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "thread_id"], name="conversation_once")
        ]
        indexes = [
            models.Index(fields=["account", "status", "-last_at", "-id"], name="conversation_box"),
            models.Index(fields=["status", "-last_at", "-id"], name="conversation_status"),
            models.Index(  # what is still to be done, a small part of all there ever was
                fields=["-last_at", "-id"], condition=~Q(status="done"), name="conversation_todo"
            ),
            models.Index(fields=["assignee", "status", "-last_at"], name="conversation_mine"),
            models.Index(fields=["contact", "-last_at"], name="conversation_contact"),
        ]

    def __str__(self) -> str:
        return f"conversation with {self.contact}"


class Mention(models.Model):
    """Anything incoming. The text is plain text, and still somebody else's: show it escaped."""

    account = models.ForeignKey(SocialAccount, on_delete=models.PROTECT, related_name="mentions")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="mentions"
    )
    author = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="mentions")
    remote_id = models.CharField(max_length=500)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    text = models.TextField(blank=True)
    posted_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    permalink = models.CharField(max_length=500, blank=True)
    in_reply_to = models.CharField(max_length=500, blank=True)
    reply_ref = models.JSONField(default=dict)  # platforms.contract.ReplyRef, as a dict
    search = models.GeneratedField(
        expression=Func(
            Value("simple"),
            F("text"),
            function="to_tsvector",
            template="to_tsvector(%(expressions)s)",
            arg_joiner="::regconfig, ",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        default_permissions = ()
        ordering = ["posted_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "remote_id"], name="mention_once")
        ]
        indexes = [
            models.Index(fields=["conversation", "posted_at", "id"], name="mention_thread"),
            models.Index(fields=["author", "-posted_at"], name="mention_author"),
            models.Index(fields=["account", "-received_at"], name="mention_account_received"),
            GinIndex(fields=["search"], name="mention_search"),
        ]

    def __str__(self) -> str:
        first = " ".join(self.text.split())
        return (first[:60] + "…") if len(first) > 60 else first or self.get_kind_display()


class Note(models.Model):
    """What colleagues say to each other about a conversation; never goes out."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return f"note by {self.author}"


class Reply(models.Model):
    """Our answer to a mention: a post like any other, with its approval and its record."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="replies")
    mention = models.ForeignKey(Mention, on_delete=models.PROTECT, related_name="replies")
    post = models.OneToOneField(Post, on_delete=models.PROTECT, related_name="reply")

    class Meta:
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return f"reply to {self.mention}"
