"""Function-intervals stored in MariaDB each second, and mysql-connector-python with executemany on the seed's table.

On one server, which TEST_MYSQL_URL names (tools/mariadb).
"""

import os
from urllib.parse import urlsplit

import _mysql_connector  # noqa: F401 - before Python's ssl loads an older OpenSSL: else the connector does without C
import mysql.connector
from harness.claim import rounds
from harness.filling import Filling
from harness.seed_table import INSERT, MYSQL, Row
from harness.storing import compare


def main() -> None:
    url = os.environ["TEST_MYSQL_URL"]
    parts = urlsplit(url)
    connection = mysql.connector.connect(
        host=parts.hostname, port=parts.port, user=parts.username, password=parts.password, use_pure=False
    )
    cursor = connection.cursor()
    cursor.execute("CREATE DATABASE seed CHARACTER SET utf8mb4")
    connection.database = "seed"
    for statement in MYSQL:
        cursor.execute(statement)

    def insert(rows: list[Row]) -> None:
        cursor.executemany(INSERT, rows)
        connection.commit()

    filling = Filling(url)
    compare("mariadb", filling, insert, rounds(10))
    filling.close()
    connection.close()


if __name__ == "__main__":
    main()
