/* Writes the files that the corpus of fuzz_project.c begins with into $TACHOGRAPH_RUNTIME_DIR. */
#include "seed_texts.h"

static const char *const texts[] = {
    "[project]\nname = \"shop\"\n[tool.tachograph]\nservice = 'S'\nversion = \"1.0\"\nstore = \"mysql://me@db/p\"\n"
    "interval = 0.5\ntime = [\"shop.*\", \"a::b\"]\nexclude = 'x'\npython = \"../.venv/bin/python\"\n",
    "[tool]\ntachograph = {service = \"a\\u00e9\\U0001F422\", time = [\n 'm', # one\n 'n',\n], interval = 10}\n",
    "tool.tachograph.store = \"history.db\"\nproject.\"name\" = '''\nlines'''\ndate = 1979-05-27T07:32:00.5-08:00\n"
    "local = 07:32:00\nfloats = [1e5, -0.1, inf, nan, 0x1f, 0o7, 0b1, 1_000]\n",
    "[[tool.other]]\nx = [[1, 2], [\"a\"], {b = true}]\n[[tool.other]]\n[tool.tachograph]\nsrevice = 1\n",
    "[tool.tachograph]\ninterval = \"ten\"\n",
    "[tool.tachograph\nservice = \"open\n",
};

int main(void) {
    return seed_texts(texts, sizeof texts / sizeof texts[0], ".toml");
}
