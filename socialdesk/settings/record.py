"""The sealed record: its keys, who witnesses it, where it is sent on to and exported."""

from __future__ import annotations

from socialdesk.settings.installation import DATA_DIR, env

RECORD_KEYS = env.items(
    "SOCIALDESK_RECORD_KEYS",
    None,
    "Keys that sign the record's checkpoints, as name:seed, newest first; two only while one takes "
    "over from the other. Make one with `make record-key`.",
)
WITNESSES = env.items(
    "SOCIALDESK_WITNESSES",
    (),
    "Where the record's checkpoints go outside of this server: file:/mnt/elsewhere/checkpoints, "
    "https://witness.example.org/…, mailto:records@example.org, "
    "s3://bucket/prefix?endpoint=https://…&region=…&days=3650; one or more.",
)
WITNESS_S3_ACCESS_KEY = env.text(
    "SOCIALDESK_WITNESS_S3_ACCESS_KEY",
    "",
    "For s3: witnesses. Empty: what the AWS libraries find by themselves, such as a role.",
)
WITNESS_S3_SECRET_KEY = env.text("SOCIALDESK_WITNESS_S3_SECRET_KEY", "", "The secret to it.")
WITNESS_MAIL_S = env.integer(
    "SOCIALDESK_WITNESS_MAIL_S", 3600, "Seconds between two checkpoints by e-mail.", at_least=60
)
FORWARD_TO = env.items(
    "SOCIALDESK_FORWARD_TO",
    (),
    "Where every event of the record is sent on to, in order and at least once: "
    "syslog+tls://siem.example.org:6514, syslog+tcp://…:601, https://collector.example.org/…; "
    "one or more.",
)
FORWARD_AUTHORIZATION = env.text(
    "SOCIALDESK_FORWARD_AUTHORIZATION",
    "",
    "The Authorization header for https: places, such as `Bearer …` or `Splunk …`.",
)
FORWARD_CA = env.text(
    "SOCIALDESK_FORWARD_CA",
    "",
    "A file of certificates (PEM) to trust for syslog+tls instead of the system's.",
)
FORWARD_CERTIFICATE = env.text(
    "SOCIALDESK_FORWARD_CERTIFICATE",
    "",
    "The file (PEM) of the certificate that syslog+tls shows a receiver which asks for one, with "
    "those between it and its authority.",
)
FORWARD_KEY = env.text(
    "SOCIALDESK_FORWARD_KEY",
    "",
    "The file (PEM) of its private key, without a password. Empty: it is in the certificate's.",
)
EXPORTS_DIR = DATA_DIR / "exports"  # no address leads into it
