/* redact: see redact.h. */
#include "failure/redact.h"

#include "failure/secret_values.h"

#include <string.h>

#define KEY_BYTES   128 /* of a longer key, its end is looked at: that is where the noun is */
#define WORDS_MAX   32
#define WORD_SIZE   64
#define RUN_LEAST   8 /* characters of a token: what is shorter is no secret, but a word */
#define QUOTE_BYTES 8 /* of what stands before a quote */
#define BLANKS      " \t\n\r"
#define URL_BYTES   512 /* of user, password and host; so hostile texts cost no more than their length times this */

/* A key that has one of these in it is secret. What Sentry and Django know to be one is among them. */
static const char *const parts[] = {
    "password",      "passwd",     "passphrase",    "passcode",
    "passkey",       "pwd",        "secret",        "token",
    "cookie",        "credential", "csrf",          "xsrf",
    "authorization", "basicauth",  "apikey",        "accesskey",
    "accountkey",    "authkey",    "encryptionkey", "hmackey",
    "masterkey",     "privatekey", "secretkey",     "sessionkey",
    "sharedkey",     "signingkey", "sshkey",        "sessionid",
    "creditcard",    "cardnumber", "connstr",       "connectionstring",
};

/* Where one of the parts is the beginning of one of these, it is none. */
static const char *const harmless[] = {"tokeniz", "tokenise", "secretar", "secretion"};

/* A key that has one of these as a word of its own is secret; as parts they would be in too many. */
static const char *const shorts[] = {
    "auth", "oauth", "bearer", "pass", "dbpass", "userpass", "pin", "cvv", "cvc", "ssn", "jwt", "otp", "totp", "dsn",
};

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

static bool is_one_of(char c, const char *characters) {
    return c != '\0' && strchr(characters, c);
}

static bool is_blank(char c) {
    return is_one_of(c, BLANKS);
}

static bool is_quote(char c) {
    return c == '"' || c == '\'';
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

enum tg_status tg_redact_check_words(const char *words, struct tg_error *err) {
    size_t count = 0;
    while (*words) {
        const char *at = words;
        size_t length = strcspn(at, ",");
        char word[WORD_SIZE + 1];
        size_t letters = simplify(at, length, word, sizeof word);
        if (letters == 0 && strspn(at, BLANKS) < length) {
            return tg_error_set(err, TG_ERROR_INVALID,
                                "'%.*s' is no word: give parts of names with commas between them, as in 'iban,patient'",
                                (int)length, at);
        }
        if (letters >= WORD_SIZE) {
            return tg_error_set(err, TG_ERROR_INVALID, "'%.*s' is too long: give words of up to %d letters",
                                (int)length, at, WORD_SIZE - 1);
        }
        count += letters > 0;
        words += length + (words[length] == ',');
    }
    return count <= WORDS_MAX
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "there are %zu words in it: give up to %d", count, WORDS_MAX);
}

static bool begins_harmless(const char *text) {
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (strncmp(text, harmless[i], strlen(harmless[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_part(const char *simple) {
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *at = strstr(simple, parts[i]);
        while (at && begins_harmless(at)) {
            at = strstr(at + 1, parts[i]);
        }
        if (at) {
            return true;
        }
    }
    return false;
}

static bool is_short(const char *word, size_t length) {
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++) {
        if (strlen(shorts[i]) == length && memcmp(shorts[i], word, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

/* Behind the word that begins here: `dbPass`, `DB_PASS` and `DBPass2` have the words db and pass. */
static size_t end_of_key_word(const char *key, size_t length, size_t begin) {
    size_t end = begin + 1;
    for (; end < length && is_letter(key[end]); end++) {
        bool is_after_small = !is_capital(key[end - 1]);
        bool is_before_small = end + 1 < length && is_letter(key[end + 1]) && !is_capital(key[end + 1]);
        if (is_capital(key[end]) && (is_after_small || is_before_small)) {
            break;
        }
    }
    return end;
}

static bool has_short_word(const char *key, size_t length) {
    for (size_t begin = 0, end; begin < length; begin = end) {
        char word[KEY_BYTES + 1];
        end = is_letter(key[begin]) ? end_of_key_word(key, length, begin) : begin + 1;
        if (is_short(word, simplify(key + begin, end - begin, word, sizeof word))) {
            return true;
        }
    }
    return false;
}

bool tg_redact_is_secret_key(const char *key, size_t length) {
    char simple[KEY_BYTES + 1];
    if (length > KEY_BYTES) {
        key += length - KEY_BYTES;
        length = KEY_BYTES;
    }
    size_t count = simplify(key, length, simple, sizeof simple);
    if (has_part(simple) || is_short(simple, count) || has_short_word(key, length)) {
        return true;
    }
    for (size_t i = 0; i < added_count; i++) {
        if (strstr(simple, added[i])) {
            return true;
        }
    }
    return false;
}

bool tg_redact_is_secret_name(const char *text, size_t length) {
    size_t dashes = 0;
    while (dashes < length && text[dashes] == '-') {
        dashes++;
    }
    for (size_t i = dashes; i < length; i++) {
        if (!is_of_key(text[i])) {
            return false;
        }
    }
    return tg_redact_is_secret_key(text, length);
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
    bool is_prose; /* perhaps */
};

static bool starts_with(const struct reader *reader, size_t at, const char *word) {
    size_t length = strlen(word);
    return length <= reader->length - at && memcmp(reader->text + at, word, length) == 0;
}

static bool starts_with_any_case(const struct reader *reader, size_t at, const char *word) {
    size_t length = strlen(word);
    if (length > reader->length - at) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = reader->text[at + i];
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
    size_t word = starts_with_any_case(reader, reader->at, "bearer ")  ? 7
                  : starts_with_any_case(reader, reader->at, "basic ") ? 6
                                                                       : 0;
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

/* Words that stand between `Authorization:` and the secret itself; lower case. */
static const char *const schemes[] = {
    "bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey",    "api-key", "oauth", "hawk",
    "mac",    "jwt",   "key",   "dpop",   "bot",       "ssws", "signature", "vapid",   "hoba",  "aws4-hmac-sha256",
};

static char char_at(const struct reader *reader, size_t at) {
    if (at < reader->length) {
        return reader->text[at];
    }
    return '\0';
}

static size_t skip_blanks(const struct reader *reader, size_t at) {
    while (is_blank(char_at(reader, at))) {
        at++;
    }
    return at;
}

/* Where a text in quotes begins: at its quote, behind what may stand before one, as in b'x' and, when JSON is in a
 * text of JSON, \"x\". `length`: there is none here. */
static size_t find_quote(const struct reader *reader, size_t at) {
    size_t quote = at;
    while (quote < reader->length && quote - at < 2 && is_one_of(reader->text[quote], "bBrRuUfF")) {
        quote++;
    }
    while (char_at(reader, quote) == '\\' && quote - at < QUOTE_BYTES) {
        quote++;
    }
    return is_quote(char_at(reader, quote)) ? quote : reader->length;
}

/* Behind the closing quote of the text whose quote stands here. Two of them in a row are one within, or three. */
static size_t end_of_quoted(const struct reader *reader, size_t quote) {
    const char *text = reader->text;
    size_t escapes = 0;
    while (escapes < quote && text[quote - escapes - 1] == '\\') {
        escapes++;
    }
    size_t run = 0; /* of backslashes before this character */
    for (size_t at = quote + 1; at < reader->length; at++) {
        bool is_end = text[at] == text[quote] && (escapes ? run <= escapes : run % 2 == 0);
        if (is_end && escapes == 0 && char_at(reader, at + 1) == text[quote]) {
            at++;
        } else if (is_end) {
            return at + 1;
        }
        run = text[at] == '\\' ? run + 1 : 0;
    }
    return reader->length;
}

/* Behind the bracket that closes the one here. */
static size_t end_of_brackets(const struct reader *reader, size_t at) {
    size_t depth = 0;
    while (at < reader->length) {
        char c = reader->text[at];
        if (is_quote(c)) {
            at = end_of_quoted(reader, at);
            continue;
        }
        at++;
        depth += is_one_of(c, "[{(");
        if (is_one_of(c, ")}]") && --depth == 0) {
            break;
        }
    }
    return at;
}

/* What ends a word of a command line, a query or a DSN. */
static size_t end_of_word(const struct reader *reader, size_t at) {
    while (at < reader->length && !is_blank(reader->text[at]) && reader->text[at] != '\0'
           && !is_one_of(reader->text[at], "&,;)]}\"'")) {
        at++;
    }
    return at;
}

static size_t end_of_value(const struct reader *reader, size_t at) {
    size_t quote = find_quote(reader, at);
    if (quote < reader->length) {
        return end_of_quoted(reader, quote);
    }
    if (starts_with(reader, at, TG_REDACTED)) {
        return end_of_word(reader, at + sizeof TG_REDACTED - 1);
    }
    if (is_one_of(char_at(reader, at), "[{(")) {
        return end_of_brackets(reader, at);
    }
    return end_of_word(reader, at);
}

/* Behind the word for how one is authorized, and the blanks behind it; `at`: none stands here, or nothing is behind. */
static size_t skip_scheme(const struct reader *reader, size_t at) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t end = at + strlen(schemes[i]);
        if (starts_with_any_case(reader, at, schemes[i]) && is_blank(char_at(reader, end))) {
            end = skip_blanks(reader, end);
            return end_of_value(reader, end) > end ? end : at;
        }
    }
    return at;
}

/* Behind `name=value`; `at`: none stands here. A quote that ends what all of this stands in begins no value. */
static size_t end_of_pair(const struct reader *reader, size_t at) {
    size_t sign = at;
    while (is_of_key(char_at(reader, sign))) {
        sign++;
    }
    char quote = char_at(reader, sign + 1);
    char first = char_at(reader, sign + 2);
    bool is_pair =
        sign > at && char_at(reader, sign) == '=' && (!is_quote(quote) || is_of_key(first) || first == quote);
    return is_pair ? end_of_value(reader, sign + 1) : at;
}

/* The parts behind the first: `, response="x"` of a digest, `; name=x` of a cookie. */
static size_t skip_pairs(const struct reader *reader, size_t end, char separator) {
    while (char_at(reader, end) == separator) {
        size_t begin = skip_blanks(reader, end + 1);
        size_t next = end_of_pair(reader, begin);
        if (next == begin) {
            break;
        }
        end = next;
    }
    return end;
}

/* A key: in quotes or not, of which `end` is behind the last. */
struct key {
    size_t begin;
    size_t end;
    bool is_quoted;
};

/* The key that ends before a sign at `at`: `key`, `"key"`, `["key"]`, with blanks behind it. */
static struct key find_key(const struct reader *reader, size_t at) {
    const char *text = reader->text;
    size_t limit = at > KEY_BYTES ? at - KEY_BYTES : 0;
    struct key key = {.is_quoted = false};
    while (at > limit && is_blank(text[at - 1])) {
        at--;
    }
    if (at > limit + 1 && text[at - 1] == ']' && is_quote(text[at - 2])) {
        at--;
    }
    key.is_quoted = at > limit && is_quote(text[at - 1]);
    if (key.is_quoted) {
        at--;
    }
    key.begin = key.end = at;
    while (key.begin > limit && (key.is_quoted ? !is_quote(text[key.begin - 1]) : is_of_key(text[key.begin - 1]))) {
        key.begin--;
    }
    return key;
}

static bool holds_word(const struct reader *reader, struct key key, const char *word) {
    char simple[KEY_BYTES + 1];
    simplify(reader->text + key.begin, key.end - key.begin, simple, sizeof simple);
    return strstr(simple, word) != NULL;
}

/* What stands at `value`, under a secret key, goes. */
static bool match_value(const struct reader *reader, struct key key, size_t value, struct match *match) {
    bool is_assigned = reader->text[reader->at] == '=' || find_quote(reader, value) < reader->length;
    size_t begin = skip_scheme(reader, value);
    size_t end = begin > value ? end_of_pair(reader, begin) : begin;
    end = end > begin ? end : end_of_value(reader, begin);
    if (begin > value) {
        end = skip_pairs(reader, end, ',');
    } else if (holds_word(reader, key, "cookie")) {
        end = skip_pairs(reader, end, ';');
    }
    *match = (struct match){.keep = begin, .end = end, .is_prose = !is_assigned && begin == value};
    bool is_done = starts_with(reader, begin, TG_REDACTED) && end - begin == sizeof TG_REDACTED - 1;
    return end > begin && !is_done;
}

/* Where the value begins behind the sign that stands here; 0: it is no sign between a key and a value. */
static size_t find_value(const struct reader *reader, struct key key) {
    size_t value = reader->at + 1;
    char sign = reader->text[reader->at];
    char next = char_at(reader, value);
    if (sign == '=' && next == '=') { /* a comparison tells what is compared with */
        value = skip_blanks(reader, value + 1);
        return find_quote(reader, value) < reader->length ? value : 0;
    }
    if (sign == ':' && (next == ':' || next == '=' || char_at(reader, reader->at - 1) == ':')) {
        return 0; /* a name in a name; or `:=`, of which the other half counts */
    }
    bool is_host = sign == ':' && key.begin > 0 && is_one_of(reader->text[key.begin - 1], "/@");
    if ((is_host && is_digit(next)) || (sign == ',' && !key.is_quoted)) {
        return 0;
    }
    value += sign == '=' && next == '>';
    while (is_blank(char_at(reader, value)) && (key.is_quoted || reader->text[value] != '\n')) {
        value++;
    }
    return value;
}

/* `=`, `:` or `,` stands here, behind a secret key. */
static bool match_assignment(const struct reader *reader, struct match *match) {
    bool is_item = reader->text[reader->at] == ',';
    bool is_half = reader->at > 0 && reader->text[reader->at] == '=' && reader->text[reader->at - 1] == ':';
    struct key key = find_key(reader, reader->at - is_half);
    size_t value = key.begin < key.end ? find_value(reader, key) : 0;
    const char *name = reader->text + key.begin;
    size_t length = key.end - key.begin;
    if (value == 0 || !(is_item ? tg_redact_is_secret_name(name, length) : tg_redact_is_secret_key(name, length))
        || !match_value(reader, key, value, match)) {
        return false;
    }
    size_t sign = skip_blanks(reader, match->end);
    if (reader->text[reader->at] == ':' && char_at(reader, sign) == '=' && char_at(reader, sign + 1) != '=') {
        match->end = end_of_value(reader, skip_blanks(reader, sign + 1)); /* that was a type: `password: str = "x"` */
    }
    return true;
}

/* `--password x` */
static bool match_option(const struct reader *reader, struct match *match) {
    struct key key = {.begin = reader->at + 2, .end = reader->at + 2};
    if (!starts_with(reader, reader->at, "--") || (reader->at > 0 && is_of_key(reader->text[reader->at - 1]))) {
        return false;
    }
    while (key.end < reader->length && is_of_key(reader->text[key.end])) {
        key.end++;
    }
    size_t value = skip_blanks(reader, key.end);
    return value > key.end && char_at(reader, value) != '-'
           && tg_redact_is_secret_key(reader->text + key.begin, key.end - key.begin)
           && match_value(reader, key, value, match);
}

static bool find_match(struct reader *reader, struct match *match) {
    switch (reader->text[reader->at]) {
    case 'e':
        return match_jwt(reader, match);
    case '-':
        return match_pem(reader, match) || match_option(reader, match);
    case ':':
        return match_url(reader, match) || match_assignment(reader, match);
    case '=':
    case ',':
        return match_assignment(reader, match);
    case 'B':
    case 'b':
        return match_scheme_of_authorization(reader, match);
    default:
        return false;
    }
}

void tg_redact_text(const char *text, size_t length, struct tg_strbuf *out, struct tg_secret_values *found) {
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
        if (found && !match.is_prose) {
            size_t quote = find_quote(&reader, match.keep);
            size_t begin = quote < match.end ? quote : match.keep;
            tg_secret_values_add(found, text + begin, match.end - begin, false);
        }
        plain = reader.at = match.end;
    }
    tg_strbuf_append_bytes(out, text + plain, length - plain);
}
