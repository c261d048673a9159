/* top_keys: what each key does. See top.h. */
#include "base/utf8.h"
#include "cli/top.h"

#include <string.h>

void tg_top_init(struct tg_top *top) {
    *top = (struct tg_top){.query = {.sort = TG_LIVE_SORT_SELF}};
}

/* Shows the list from its beginning. */
static void rewind_list(struct tg_top *top) {
    top->first = 0;
    top->cursor = 0;
}

static void choose_group(struct tg_top *top, enum tg_live_group group) {
    top->query.group = group;
    top->has_cursor = group != TG_LIVE_FUNCTIONS;
    top->query.process = 0;
    top->query.one_thread = false;
    top->filter[0] = '\0'; /* it was for names of another kind */
    rewind_list(top);
}

/* Looks into the process or thread under the cursor. */
static void enter(struct tg_top *top, const struct tg_live_view *view) {
    if (!top->has_cursor || top->cursor >= view->row_count) {
        return;
    }
    const struct tg_live_row *row = &view->rows[top->cursor];
    bool one_thread = top->query.group == TG_LIVE_THREADS;
    uint64_t process = row->process->number;
    uint64_t thread_id = row->thread_id;
    choose_group(top, TG_LIVE_FUNCTIONS);
    top->query.process = process;
    top->query.one_thread = one_thread;
    top->query.thread_id = thread_id;
}

/* One step back: from the filter, or out of what was entered. */
static void leave(struct tg_top *top) {
    if (top->filter[0]) {
        top->filter[0] = '\0';
        rewind_list(top);
    } else if (top->query.process) {
        choose_group(top, top->query.one_thread ? TG_LIVE_THREADS : TG_LIVE_PROCESSES);
    }
}

static void sort_next(struct tg_top *top, int step) {
    top->query.sort = (enum tg_live_sort)(((int)top->query.sort + step + TG_LIVE_SORTS) % TG_LIVE_SORTS);
    rewind_list(top);
}

/* The drawing keeps both within what there is. */
static void move(struct tg_top *top, size_t count, bool down) {
    size_t *place = top->has_cursor ? &top->cursor : &top->first;
    if (down) {
        *place += count;
    } else {
        *place = *place > count ? *place - count : 0;
    }
}

static void move_by_key(struct tg_top *top, const struct tg_live_view *view, enum tg_key_kind kind) {
    size_t page = top->page > 1 ? top->page - 1 : 1;
    switch (kind) {
    case TG_KEY_UP:
        move(top, 1, false);
        break;
    case TG_KEY_DOWN:
        move(top, 1, true);
        break;
    case TG_KEY_PAGE_UP:
        move(top, page, false);
        break;
    case TG_KEY_PAGE_DOWN:
        move(top, page, true);
        break;
    case TG_KEY_HOME:
        move(top, view->row_count, false);
        break;
    case TG_KEY_END:
        move(top, view->row_count, true);
        break;
    case TG_KEY_LEFT:
        sort_next(top, -1);
        break;
    case TG_KEY_RIGHT:
        sort_next(top, 1);
        break;
    default:
        break;
    }
}

static void append_to_filter(struct tg_top *top, const char *text) {
    size_t length = strlen(top->filter);
    size_t more = strlen(text);
    if (length + more < sizeof top->filter) {
        memcpy(top->filter + length, text, more + 1);
        rewind_list(top);
    }
}

static void shorten_filter(struct tg_top *top) {
    size_t length = strlen(top->filter);
    if (length) {
        top->filter[tg_utf8_cut(top->filter, length, length - 1)] = '\0';
        rewind_list(top);
    }
}

static void type(struct tg_top *top, const struct tg_live_view *view, const struct tg_key *key) {
    switch (key->kind) {
    case TG_KEY_TEXT:
        append_to_filter(top, key->text);
        break;
    case TG_KEY_BACKSPACE:
        top->is_typing = top->filter[0] != '\0';
        shorten_filter(top);
        break;
    case TG_KEY_CLEAR:
        top->filter[0] = '\0';
        rewind_list(top);
        break;
    case TG_KEY_ESCAPE:
        top->filter[0] = '\0';
        top->is_typing = false;
        rewind_list(top);
        break;
    case TG_KEY_ENTER:
        top->is_typing = false;
        break;
    case TG_KEY_LEFT:
    case TG_KEY_RIGHT:
        break;
    default:
        move_by_key(top, view, key->kind);
        break;
    }
}

/* False: it is over. */
static bool press_letter(struct tg_top *top, char letter) {
    switch (letter) {
    case 'q':
    case 'Q':
        return false;
    case 'h':
    case '?':
        top->shows_help = true;
        top->help_first = 0;
        break;
    case 's':
    case '>':
        sort_next(top, 1);
        break;
    case 'S':
    case '<':
        sort_next(top, -1);
        break;
    case '/':
        top->is_typing = true;
        break;
    case ' ':
        top->is_paused = !top->is_paused;
        break;
    case 'a':
        choose_group(top, TG_LIVE_FUNCTIONS);
        break;
    case 'p':
        choose_group(top, TG_LIVE_PROCESSES);
        break;
    case 't':
        choose_group(top, TG_LIVE_THREADS);
        break;
    default:
        break;
    }
    return true;
}

/* Any key leaves the help but those that move; one ends it all. */
static bool press_in_help(struct tg_top *top, const struct tg_key *key) {
    switch (key->kind) {
    case TG_KEY_UP:
        top->help_first -= top->help_first > 0;
        return true;
    case TG_KEY_DOWN:
        top->help_first++;
        return true;
    case TG_KEY_PAGE_UP:
        top->help_first -= top->help_first < top->page ? top->help_first : top->page;
        return true;
    case TG_KEY_PAGE_DOWN:
        top->help_first += top->page;
        return true;
    default:
        top->shows_help = false;
        return key->kind != TG_KEY_TEXT || key->text[0] != 'q';
    }
}

bool tg_top_press(struct tg_top *top, const struct tg_live_view *view, const struct tg_key *key) {
    if (top->shows_help) {
        return press_in_help(top, key);
    }
    if (top->is_typing) {
        type(top, view, key);
        return true;
    }
    switch (key->kind) {
    case TG_KEY_TEXT:
        return press_letter(top, key->text[0]);
    case TG_KEY_ENTER:
        enter(top, view);
        return true;
    case TG_KEY_ESCAPE:
    case TG_KEY_BACKSPACE:
        leave(top);
        return true;
    default:
        move_by_key(top, view, key->kind);
        return true;
    }
}
