/*
 * Patterns are matched as they stand, without compiling them: they are short, and matching is not on a hot path.
 */
#include "base/pattern.h"

#include "base/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A part of a string. Every function below moves `at` towards `end`, never past it. */
struct slice {
    const char *at;
    const char *end;
};

static struct slice slice_of(const char *text) {
    return (struct slice){text, text + strlen(text)};
}

static bool is_empty(struct slice slice) {
    return slice.at == slice.end;
}

/* The next character. A byte that is no UTF-8 is a character of its own, equal to nothing else. */
static uint32_t take_character(struct slice *slice) {
    uint32_t character = 0;
    size_t taken = tg_utf8_decode(slice->at, (size_t)(slice->end - slice->at), &character);
    if (taken == 0) {
        character = 0x110000U + (unsigned char)*slice->at;
        taken = 1;
    }
    slice->at += taken;
    return character;
}

/* A set as it is read: what stands between the brackets and whether it is meant or excluded. */
struct set {
    struct slice members;
    bool negated;
};

/* Takes a set from the start of `pattern`, which is at its '['. False when no ']' ends it. */
static bool take_set(struct slice *pattern, struct set *set) {
    const char *at = pattern->at + 1;
    set->negated = at < pattern->end && *at == '!';
    at += set->negated;
    set->members.at = at;
    at += at < pattern->end && *at == ']'; /* as the first member it is one */
    while (at < pattern->end && *at != ']') {
        at++;
    }
    if (at == pattern->end) {
        return false;
    }
    set->members.end = at;
    pattern->at = at + 1;
    return true;
}

/* Takes one member, `a` or `a-z`: first and last of the range. */
static void take_range(struct slice *members, uint32_t *first, uint32_t *last) {
    *first = take_character(members);
    *last = *first;
    if (members->end - members->at >= 2 && *members->at == '-') {
        members->at++;
        *last = take_character(members);
    }
}

static bool set_contains(struct set set, uint32_t character) {
    bool found = false;
    while (!is_empty(set.members)) {
        uint32_t first = 0;
        uint32_t last = 0;
        take_range(&set.members, &first, &last);
        found = found || (character >= first && character <= last);
    }
    return found != set.negated;
}

/* Matches one character of `text` with one element of `pattern` that is no star. On false the caller's slices
 * are where they were. */
static bool match_one(struct slice *pattern, struct slice *text) {
    struct slice element = *pattern;
    struct slice rest = *text;
    uint32_t character = take_character(&rest);
    bool matches = true;
    if (*element.at == '?') {
        element.at++;
    } else if (*element.at == '[') {
        struct set set;
        matches = take_set(&element, &set) && set_contains(set, character);
    } else {
        matches = take_character(&element) == character;
    }
    if (matches) {
        *pattern = element;
        *text = rest;
    }
    return matches;
}

/* On a mismatch only the last star is tried again, one character further: what stands before it has matched,
 * and giving an earlier star more would only leave less to the rest. */
static bool match_glob(struct slice pattern, struct slice text) {
    struct slice after_star = {NULL, NULL};
    struct slice star_text = text;
    while (!is_empty(text)) {
        if (!is_empty(pattern) && *pattern.at == '*') {
            pattern.at++;
            after_star = pattern;
            star_text = text;
        } else if (is_empty(pattern) || !match_one(&pattern, &text)) {
            if (!after_star.at) {
                return false;
            }
            take_character(&star_text);
            pattern = after_star;
            text = star_text;
        }
    }
    while (!is_empty(pattern) && *pattern.at == '*') {
        pattern.at++;
    }
    return is_empty(pattern);
}

/* `shop.*` is shop and everything below it. */
static bool match_module(struct slice pattern, struct slice module) {
    if (match_glob(pattern, module)) {
        return true;
    }
    ptrdiff_t length = pattern.end - pattern.at;
    if (length < 2 || pattern.end[-2] != '.' || pattern.end[-1] != '*') {
        return false;
    }
    pattern.end -= 2;
    return match_glob(pattern, module);
}

/* Cuts `whole` at its first `::`; false when there is none: everything is then `before`. */
static bool split(struct slice whole, struct slice *before, struct slice *after) {
    *before = whole;
    *after = (struct slice){whole.end, whole.end};
    for (const char *at = whole.at; whole.end - at >= 2; at++) {
        if (at[0] == ':' && at[1] == ':') {
            before->end = at;
            after->at = at + 2;
            return true;
        }
    }
    return false;
}

/* `named`: there is a qualname at all; a span has none. */
static bool match_parts(struct slice pattern, struct slice module, struct slice qualname, bool named) {
    struct slice module_pattern;
    struct slice qualname_pattern;
    bool full = split(pattern, &module_pattern, &qualname_pattern);
    if (full && !(named && match_glob(qualname_pattern, qualname))) {
        return false;
    }
    return match_module(module_pattern, module);
}

bool tg_pattern_match(const char *pattern, const char *name) {
    struct slice module;
    struct slice qualname;
    bool named = split(slice_of(name), &module, &qualname);
    return match_parts(slice_of(pattern), module, qualname, named);
}

bool tg_pattern_match_function(const char *pattern, const char *module, const char *qualname) {
    return match_parts(slice_of(pattern), slice_of(module), slice_of(qualname), true);
}

bool tg_pattern_match_module(const char *pattern, const char *module) {
    struct slice module_pattern;
    struct slice qualname_pattern;
    split(slice_of(pattern), &module_pattern, &qualname_pattern);
    return match_module(module_pattern, slice_of(module));
}

/* What is wrong with a set, or NULL. */
static const char *check_set(struct set set) {
    while (!is_empty(set.members)) {
        uint32_t first = 0;
        uint32_t last = 0;
        take_range(&set.members, &first, &last);
        if (first > last) {
            return "has a range that runs backwards in '[...]': write its smaller end first";
        }
    }
    return NULL;
}

/* What is wrong with the characters, one by one, or NULL. */
static const char *check_characters(struct slice pattern) {
    while (!is_empty(pattern)) {
        struct slice element = pattern;
        uint32_t character = take_character(&pattern);
        if (character >= 0x110000U) {
            return "is not valid UTF-8";
        }
        if (character == ' ' || character == ',' || character < 0x20U) {
            return "holds a space or comma: give each pattern on its own";
        }
        if (character == '/') {
            return "holds a '/': write the module's name as in an import (shop.cart, not shop/cart.py)";
        }
        if (character == '[') {
            struct set set;
            if (!take_set(&element, &set)) {
                return "has a '[' without its ']': close it, or write '[[]' for the bracket itself";
            }
            const char *problem = check_set(set);
            if (problem) {
                return problem;
            }
            pattern = element;
        }
    }
    return NULL;
}

/* What is wrong with the parts around `::`, or NULL. */
static const char *check_parts(struct slice pattern) {
    struct slice module;
    struct slice qualname;
    bool full = split(pattern, &module, &qualname);
    if (is_empty(pattern)) {
        return "is empty: write '*' for everything";
    }
    if (full && is_empty(module)) {
        return "names no module before '::': write '*::' for every module";
    }
    if (full && is_empty(qualname)) {
        return "names no function after '::': leave the '::' out for the whole module";
    }
    if (*module.at == '.') {
        return "starts with a '.': write the module's full name";
    }
    if (memchr(module.at, ':', (size_t)(module.end - module.at))) {
        return "has a single ':': module and function are separated by '::'";
    }
    if (memchr(qualname.at, ':', (size_t)(qualname.end - qualname.at))) {
        return "has a second ':' after '::': a method is module::Class.method";
    }
    return NULL;
}

enum tg_status tg_pattern_validate(const char *pattern, struct tg_error *err) {
    const char *problem = check_parts(slice_of(pattern));
    if (!problem) {
        problem = check_characters(slice_of(pattern));
    }
    if (problem) {
        return tg_error_set(err, TG_ERROR_INVALID, "pattern '%s' %s", pattern, problem);
    }
    return TG_OK;
}
