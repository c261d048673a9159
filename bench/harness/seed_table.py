"""The seed's table, how it is filled, and what is asked of it.

The table is the seed's own with its mistakes corrected: a comma, the average of a single call, and times cut to a few
digits. Its three indices are there. Insertion and questions are word for word.
"""

SQLITE = (
    """CREATE TABLE function_statistics (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        function_name VARCHAR(255) NOT NULL,
        iteration INT NOT NULL DEFAULT 0,
        call_count INT NOT NULL DEFAULT 0,
        total_time DOUBLE DEFAULT 0,
        average_time DOUBLE GENERATED ALWAYS AS (total_time / NULLIF(call_count, 0)) VIRTUAL,
        created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    )""",
    "CREATE INDEX idx_function_name ON function_statistics (function_name)",
    "CREATE INDEX idx_iteration ON function_statistics (iteration)",
    "CREATE INDEX idx_function_name_iteration ON function_statistics (function_name, iteration)",
)
MYSQL = (SQLITE[0].replace("INTEGER PRIMARY KEY AUTOINCREMENT", "INT AUTO_INCREMENT PRIMARY KEY"), *SQLITE[1:])

INSERT = """
    INSERT INTO function_statistics
        (function_name, iteration, call_count, total_time)
    VALUES
        (%s, %s, %s, %s)
"""

LAST_AVERAGES = """
    SELECT function_name, iteration, average_time
    FROM function_statistics
    WHERE function_name = ?
    ORDER BY iteration DESC
    LIMIT 10;
"""

SLOWEST = """
    SELECT function_name, AVG(average_time) AS overall_average_time
    FROM function_statistics
    GROUP BY function_name
    ORDER BY overall_average_time DESC
    LIMIT 5;
"""

SLOPES = """
    WITH function_stats AS (
        SELECT
            function_name,
            COUNT(*) AS n,
            SUM(iteration) AS sum_x,
            SUM(average_time) AS sum_y,
            SUM(iteration * iteration) AS sum_xx,
            SUM(iteration * average_time) AS sum_xy
        FROM
            function_statistics
        GROUP BY
            function_name
    ),
    regression_calc AS (
        SELECT
            function_name,
            n,
            sum_x,
            sum_y,
            (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x) AS slope
        FROM
            function_stats
    )
    SELECT
        function_name,
        slope,
        (sum_y - slope * sum_x) / n AS intercept
    FROM
        regression_calc;
"""

Row = tuple[str, int, int, float]


def rows(names: list[str], iteration: int) -> list[Row]:
    """What one upload of the seed inserts."""
    return [
        (name, iteration, 100 + number * iteration % 4000, 1e-4 * (number + 1)) for number, name in enumerate(names)
    ]
