/* top_interactive: see top_interactive.h. */
#include "cli/top_interactive.h"

#include "cli/screen.h"

#include <stdint.h>

#define FIRST_INTERVAL_NS INT64_C(500000000) /* nobody wants to wait longer for the first figures */

static enum tg_status draw(struct tg_top *top, const struct tg_live *live, struct tg_live_view *view,
                           struct tg_error *err) {
    struct tg_strbuf lines = TG_STRBUF_INIT;
    size_t height = 0;
    struct tg_terminal terminal = tg_screen_size(&height);
    tg_live_view_release(view);
    top->query.filter = top->filter;
    enum tg_status status = tg_live_view_make(view, live, &top->query, err);
    if (status == TG_OK) {
        tg_top_draw(top, live, view, &terminal, height, &lines);
        tg_screen_show(&lines);
        tg_strbuf_release(&lines);
    }
    return status;
}

/* When to look again, after a look at `now_ns`: without haste when we were late. */
static tg_ns next_deadline(tg_ns deadline_ns, tg_ns now_ns, tg_ns interval_ns) {
    tg_ns next_ns = deadline_ns + interval_ns;
    return next_ns > now_ns ? next_ns : now_ns + interval_ns;
}

static enum tg_status interact(struct tg_top *top, struct tg_live *live, struct tg_error *err) {
    struct tg_live_view view = {.rows = NULL};
    tg_ns first_ns = top->interval_ns < FIRST_INTERVAL_NS ? top->interval_ns : FIRST_INTERVAL_NS;
    tg_ns deadline_ns = tg_clock_monotonic_ns() + first_ns;
    enum tg_status status = draw(top, live, &view, err);
    bool goes_on = true;
    bool is_due = false; /* to draw, unless more keys wait: a text that is pasted gets one frame */
    while (status == TG_OK && goes_on) {
        struct tg_key key;
        tg_ns until_ns = is_due ? 0 : top->is_paused ? INT64_MAX : deadline_ns;
        enum tg_screen_event event = tg_screen_wait(until_ns, &key);
        goes_on = event != TG_SCREEN_QUIT;
        if (event == TG_SCREEN_KEY) {
            goes_on = tg_top_press(top, &view, &key);
        }
        is_due = event == TG_SCREEN_KEY && top->is_typing;
        tg_ns now_ns = tg_clock_monotonic_ns();
        if (goes_on && !top->is_paused && now_ns >= deadline_ns) {
            status = tg_live_refresh(live, now_ns, tg_clock_wall_ns(), err);
            deadline_ns = next_deadline(deadline_ns, now_ns, top->interval_ns);
            is_due = false; /* the view has lost what it borrows */
        }
        if (status == TG_OK && goes_on && !is_due) {
            status = draw(top, live, &view, err);
        }
    }
    tg_live_view_release(&view);
    return status;
}

enum tg_status tg_top_interact(struct tg_top *top, struct tg_live *live, struct tg_error *err) {
    enum tg_status status = tg_screen_open(err);
    if (status == TG_OK) {
        status = interact(top, live, err);
        tg_screen_close();
    }
    return status;
}
