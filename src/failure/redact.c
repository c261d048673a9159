/* redact: see redact.h. */
#include "failure/redact.h"

#include <string.h>

#define KEY_BYTES 128 /* of a longer key, its end is looked at: that is where the noun is */
#define WORDS_MAX 32
#define WORD_SIZE 64
#define RUN_LEAST 8   /* characters of a token: what is shorter is no secret, but a word */
#define URL_BYTES 512 /* of user, password and host; so that hostile texts cost no more than their length times this */

/* A key that has one of these in it is secret. */
static const char *const parts[] = {
    "password",  "passwd",     "passphrase", "passcode",  "secret",     "token",      "authorization", "cookie",
    "apikey",    "accesskey",  "privatekey", "secretkey", "signingkey", "authkey",    "encryptionkey", "credential",
    "sessionid", "sessionkey", "csrf",       "xsrf",      "creditcard", "cardnumber",
};

/* A key that is one of these is secret; as parts they would be in too many words. */
static const char *const wholes[] = {"auth", "pwd", "pass", "pin", "cvv", "cvc", "ssn", "jwt", "otp", "dsn"};

static char added[WORDS_MAX][WORD_SIZE];
static size_t added_count;

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Of the alphabet of base64, in either form. */
static bool is_of_token(char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=';
}

static bool is_of_key(char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Lower case, letters and digits alone. Returns the length. */
static size_t simplify(const char *key, size_t length, char *out, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < length && count < size - 1; i++) {
        char c = key[i];
        if (is_letter(c)) {
            out[count++] = (char)(c | 0x20);
        } else if (is_digit(c) || (unsigned char)c >= 0x80) {
            out[count++] = c;
        }
    }
    out[count] = '\0';
    return count;
}

bool tg_redact_set_words(const char *words) {
    bool kept = true;
    added_count = 0;
    while (words && *words) {
        size_t length = strcspn(words, ",");
        char word[WORD_SIZE + 1];
        size_t count = simplify(words, length, word, sizeof word);
        if (count >= WORD_SIZE || (count && added_count == WORDS_MAX)) {
            kept = false;
        } else if (count) {
            memcpy(added[added_count++], word, count + 1);
        }
        words += length + (words[length] == ',');
    }
    return kept;
}

bool tg_redact_is_secret_key(const char *key, size_t length) {
    char simple[KEY_BYTES + 1];
    if (length > KEY_BYTES) {
        key += length - KEY_BYTES;
        length = KEY_BYTES;
    }
    simplify(key, length, simple, sizeof simple);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(simple, parts[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        if (strcmp(simple, wholes[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < added_count; i++) {
        if (strstr(simple, added[i])) {
            return true;
        }
    }
    return false;
}

/* A text that is read: `at` is where the reader stands. What a match finds ends at `end`, and its first `keep` bytes
 * are no secret. */
struct reader {
    const char *text;
    size_t length;
    size_t at;
    size_t no_token_until; /* the run of characters that ends there is no token, nor is any end of it */
};

struct match {
    size_t keep;
    size_t end;
};

static bool starts_with(const struct reader *reader, size_t at, const char *word) {
    size_t length = strlen(word);
    return length <= reader->length - at && memcmp(reader->text + at, word, length) == 0;
}

static bool starts_with_any_case(const struct reader *reader, const char *word) {
    size_t length = strlen(word);
    if (length > reader->length - reader->at) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = reader->text[reader->at + i];
        if (c != word[i] && !(is_letter(c) && (c | 0x20) == word[i])) {
            return false;
        }
    }
    return true;
}

static size_t skip_token(const struct reader *reader, size_t at) {
    while (at < reader->length && is_of_token(reader->text[at])) {
        at++;
    }
    return at;
}

/* Three parts of base64 with dots between them, of which the first is the beginning of a JSON object. */
static bool match_jwt(struct reader *reader, struct match *match) {
    if (reader->at < reader->no_token_until || !starts_with(reader, reader->at, "eyJ")) {
        return false;
    }
    size_t end = skip_token(reader, reader->at);
    if (end - reader->at < RUN_LEAST || (end < reader->length && reader->text[end] != '.')) {
        reader->no_token_until = end;
        return false;
    }
    for (int dot = 0; dot < 2 && end < reader->length && reader->text[end] == '.'; dot++) {
        end = skip_token(reader, end + 1);
    }
    *match = (struct match){.keep = reader->at, .end = end};
    return true;
}

static bool match_pem(const struct reader *reader, struct match *match) {
    static const char begin[] = "-----BEGIN ";
    static const char finish[] = "-----END ";
    if (!starts_with(reader, reader->at, begin)) {
        return false;
    }
    size_t end = reader->at + sizeof begin - 1;
    while (end < reader->length && !starts_with(reader, end, finish)) {
        end++;
    }
    if (end < reader->length) {
        end += sizeof finish - 1;
        while (end < reader->length && !starts_with(reader, end, "-----")) {
            end++;
        }
        end = end < reader->length ? end + 5 : end;
    }
    *match = (struct match){.keep = reader->at, .end = end};
    return true;
}

/* `://` stands here: behind a scheme, and before a user and a password. A password may hold anything but blanks, and
 * ends at the last '@' of what looks like one host and its user. */
static bool match_url(const struct reader *reader, struct match *match) {
    if (!starts_with(reader, reader->at, "://") || reader->at == 0 || !is_of_key(reader->text[reader->at - 1])) {
        return false;
    }
    size_t user = reader->at + 3;
    size_t colon = 0;
    size_t sign = 0;
    size_t end = user;
    size_t limit = reader->length - user < URL_BYTES ? reader->length : user + URL_BYTES;
    for (; end < limit; end++) {
        char c = reader->text[end];
        if (is_blank(c) || c == '"' || c == '\'' || c == '<' || c == '>') {
            break;
        }
        if ((c == '/' || c == '?' || c == '#') && (!colon || sign)) {
            break; /* the host's end; a password that nobody has encoded may have a slash */
        }
        colon = c == ':' && !colon ? end : colon;
        sign = c == '@' ? end : sign;
    }
    if (!colon || sign < colon) {
        bool is_cut = colon && end == limit && memchr(reader->text + colon, '/', end - colon) == NULL
                      && end - colon > RUN_LEAST; /* no port is so long */
        *match = (struct match){.keep = colon + 1, .end = end};
        return is_cut;
    }
    *match = (struct match){.keep = colon + 1, .end = sign};
    return sign > colon + 1;
}

static bool match_scheme_of_authorization(const struct reader *reader, struct match *match) {
    size_t word = starts_with_any_case(reader, "bearer ") ? 7 : starts_with_any_case(reader, "basic ") ? 6 : 0;
    if (!word || (reader->at > 0 && is_of_key(reader->text[reader->at - 1]))) {
        return false;
    }
    size_t end = reader->at + word;
    while (end < reader->length
           && (is_of_token(reader->text[end]) || reader->text[end] == '.' || reader->text[end] == '~')) {
        end++;
    }
    *match = (struct match){.keep = reader->at + word, .end = end};
    return end - reader->at - word >= RUN_LEAST;
}

/* The end of a value behind `=`: the closing quote, or what ends a word of a command line, a query or a DSN. */
static size_t end_of_value(const struct reader *reader, size_t at) {
    if (at < reader->length && (reader->text[at] == '"' || reader->text[at] == '\'')) {
        char quote = reader->text[at];
        size_t end = at + 1;
        while (end < reader->length && reader->text[end] != quote) {
            end += reader->text[end] == '\\' && end + 1 < reader->length ? 2 : 1;
        }
        return end < reader->length ? end + 1 : end;
    }
    while (at < reader->length && !is_blank(reader->text[at]) && !strchr("&,;)]}\"'", reader->text[at])) {
        at++;
    }
    return at;
}

/* `=` stands here, behind a secret key. */
static bool match_assignment(const struct reader *reader, struct match *match) {
    if (reader->text[reader->at] != '=') {
        return false;
    }
    size_t begin = reader->at;
    while (begin > 0 && reader->at - begin < KEY_BYTES && is_of_key(reader->text[begin - 1])) {
        begin--;
    }
    size_t value = reader->at + 1;
    if (begin == reader->at || (value < reader->length && reader->text[value] == '=') /* that is a comparison */
        || !tg_redact_is_secret_key(reader->text + begin, reader->at - begin)) {
        return false;
    }
    *match = (struct match){.keep = value, .end = end_of_value(reader, value)};
    return match->end > value;
}

static bool find_match(struct reader *reader, struct match *match) {
    switch (reader->text[reader->at]) {
    case 'e':
        return match_jwt(reader, match);
    case '-':
        return match_pem(reader, match);
    case ':':
        return match_url(reader, match);
    case '=':
        return match_assignment(reader, match);
    case 'B':
    case 'b':
        return match_scheme_of_authorization(reader, match);
    default:
        return false;
    }
}

void tg_redact_text(const char *text, size_t length, struct tg_strbuf *out) {
    struct reader reader = {.text = text, .length = length};
    size_t plain = 0;
    while (reader.at < length) {
        struct match match;
        if (!find_match(&reader, &match)) {
            reader.at++;
            continue;
        }
        tg_strbuf_append_bytes(out, text + plain, match.keep - plain);
        tg_strbuf_append(out, TG_REDACTED);
        plain = reader.at = match.end;
    }
    tg_strbuf_append_bytes(out, text + plain, length - plain);
}
