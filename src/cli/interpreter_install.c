/* interpreter_install: the line that installs tachograph. See interpreter_ask.h. */
#include "cli/interpreter_ask.h"

#include "cli/printable.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "@tachograph-source@"

/* pip notes where a package came from that was not in an index (PEP 610). */
static const char question[] = "import sys\n"
                               "if sys.path[:1] == ['']: del sys.path[0]\n"
                               "import importlib.metadata, json, os\n"
                               "from urllib.parse import urlsplit\n"
                               "from urllib.request import url2pathname\n"
                               "note = importlib.metadata.distribution('tachograph').read_text('direct_url.json')\n"
                               "path = url2pathname(urlsplit(json.loads(note)['url']).path)\n"
                               "if os.path.exists(os.path.join(path, 'pyproject.toml')) or os.path.isfile(path):\n"
                               "    os.write(1, os.fsencode('\\n" MARK "\\t' + path + '\\n'))\n"
                               "os._exit(0)\n";

/* A wheel is for one version of Python; a checkout for all. */
static bool is_for(const char *source, const char *python_version) {
    size_t length = strlen(source);
    if (length < 4 || strcmp(source + length - 4, ".whl") != 0) {
        return true;
    }
    struct tg_strbuf tag = TG_STRBUF_INIT;
    size_t minor = strcspn(python_version, ".") + 1;
    tg_strbuf_printf(&tag, "-cp3%.*s-", (int)strcspn(python_version + minor, "."), python_version + minor);
    bool found = strstr(source, tg_strbuf_text(&tag)) != NULL;
    tg_strbuf_release(&tag);
    return found;
}

/* Where this program was installed from, at the end of the answer; NULL: nobody knows. */
static char *find_source(struct tg_strbuf *answer) {
    struct tg_interpreter beside;
    if (!tg_interpreter_find_beside(&beside) || tg_interpreter_ask(&beside, question, answer, NULL) != TG_OK) {
        return NULL;
    }
    char *found = answer->data ? strstr(answer->data, "\n" MARK "\t") : NULL;
    if (found) {
        found += sizeof "\n" MARK "\t" - 1;
        found[strcspn(found, "\n")] = '\0';
    }
    return found;
}

/* Absolute, but with its links: in a virtual environment they make the difference. */
static void append_absolute(struct tg_strbuf *out, const char *path) {
    char *directory = path[0] == '/' ? NULL : getcwd(NULL, 0);
    struct tg_strbuf whole = TG_STRBUF_INIT;
    tg_strbuf_printf(&whole, "%s%s%s", directory ? directory : "", directory ? "/" : "", path);
    tg_printable_append_word(out, tg_strbuf_text(&whole));
    tg_strbuf_release(&whole);
    free(directory);
}

void tg_interpreter_append_install(struct tg_strbuf *out, const struct tg_interpreter *interpreter,
                                   const char *python_version, bool again) {
    struct tg_strbuf answer = TG_STRBUF_INIT;
    const char *source = find_source(&answer);
    if (source && !is_for(source, python_version)) {
        source = NULL;
    }
    tg_strbuf_append(out, source ? "type: " : "in a checkout of tachograph, type: ");
    append_absolute(out, interpreter->path);
    tg_strbuf_printf(out, " -m pip install %s", again ? "--force-reinstall " : "");
    tg_printable_append_word(out, source ? source : ".");
    tg_strbuf_release(&answer);
}
