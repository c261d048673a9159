"""docutils renders its own README and a document with most of what there is, in four formats."""

import importlib.metadata

from docutils.core import publish_string

DOCUMENT = """
==========
The ledger
==========

:Author: Nobody
:Version: 1

.. contents::
.. sectnum::

Figures
=======

Some *emphasis*, **strong words**, ``literals``, a footnote [1]_, a |substitution|, and a link_.
Another `link with words`_, a citation [CIT2024]_ and :math:`a^2 + b^2`.

.. |substitution| replace:: replaced text
.. _link: https://example.org/
.. _link with words: `Tables`_
.. [1] Read this.
.. [CIT2024] A citation.

- one
- two

  1. first
  2. second

     a) deep
     b) deeper

term
    Its definition.
:field: its body
-o FILE  an option

Tables
------

======  =======
Name    Count
======  =======
apples  3
pears   4
======  =======

+------------+----------+
| Header     | Other    |
+============+==========+
| body row 1 | column 2 |
|            | spans    |
+------------+----------+
| both columns          |
+-----------------------+

.. list-table:: listed
   :header-rows: 1

   * - a
     - b
   * - 1
     - 2

.. csv-table:: comma
   :header: "x", "y"

   1, "two"
   3, 4

Code
----

.. code:: python

    def add(a, b):
        return [x for x in range(a)] + [b]  # a comment

.. note:: A note with a list

   * inside

.. warning:: A warning.
.. figure:: picture.png
   :alt: nothing

   The caption.

    A quotation.

    -- Attribution

>>> print("doctest")
doctest

| Lines
|   of verse

.. role:: custom

:custom:`text` and :unknown:`role`, an unbalanced *star, and a reference_ to nowhere.

Short
--
"""


def main():
    readme = (
        importlib.metadata.metadata("docutils").get_payload() or importlib.metadata.metadata("docutils")["Description"]
    )
    settings = {"report_level": 5, "warning_stream": False, "_disable_config": True, "embed_stylesheet": False}
    for source in (DOCUMENT, readme):
        for writer in ("html5", "latex", "manpage", "pseudoxml"):
            print(publish_string(source, writer_name=writer, settings_overrides=settings).decode())


if __name__ == "__main__":
    main()
