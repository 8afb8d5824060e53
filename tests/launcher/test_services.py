import os

import psycopg
import redis


def test_run_of_the_tests_has_its_servers():
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert client.ping()
    client.close()
