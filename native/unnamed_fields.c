/* Reads the unnamed fields of JSON documents: those whose keys a contract does not name.

   One pass over each document, guided by the tree of what the contract names. An unnamed field is appended, as compact
   JSON behind its quoted path, to the text of the element that it belongs to: the document, or an element of a list of
   rows. Values that the caller asks for are copied likewise, and each is a span.

   The documents' grammar has been checked before. All the same, nothing is read behind a document's end but padding,
   and nothing is written beyond a capacity: what does not fit the grammar makes its document unsound, and so do keys
   that are given twice in an object, keys of the contract's objects that are written with escapes, halves of surrogate
   pairs, and nesting that is too deep. Unsound documents leave nothing behind.

   No library is needed, not even C's: the result loads on every system of its processor. */

#include <stdint.h>

/* Which source a binary was built from: a test compares it with this file's. */
const char source_digest[] = SOURCE_DIGEST;

typedef const uint8_t *Bytes;

enum { DONE, NEW_NAMES, FULL };      /* what read_documents returns */
enum { MOST_LEVELS = 120 };          /* of nesting */
enum { FEW_KEYS = 48 };              /* of an object, that are compared one by one */
enum { MOST_KEYS = 1 << 15 };        /* of an object */
enum { HASHES = 1 << 17 };           /* room for the keys of all objects that are open at once */
enum { SEEN = 1 << 18 };             /* slots of the table of keys of large objects */
enum { MOST_PROBES = 64 };
enum { NO_SLOT = INT32_MIN };

/* A key of a node: `child` is the node of its value, or ~l where the value is an unnamed field with literal l. */
typedef struct {
    uint64_t hash;
    int32_t node, key_start, key_length, child;
} Slot;

/* What the contract names at one place of a document; -1 where there is nothing of a kind.
   `items` is the node of a list's elements. The value is an unnamed field, with the literal `literal`, in all documents
   if `choice` is -1, else in those that row `choice` of `choices` marks. `asked` numbers the values that are copied. */
typedef struct {
    int32_t level, items, literal, choice, asked, is_object, is_around, is_leaf;
} Node;

/* The elements of one level: element i is of document documents[i], its text ends at ends[i], which is where the next
   one's begins. `begin` is where the last one's begins. */
typedef struct {
    uint8_t *text;
    int32_t *documents, *ends;
    int32_t size, capacity, count, most, begin, padding;
} Level;

typedef struct {
    int32_t asked, element, start, end;
} Span;

typedef struct {
    int32_t node, start, length;
} Name;

typedef struct {
    Bytes data;
    const int64_t *starts, *ends;
    const Node *nodes;
    const Slot *slots;
    Bytes keys, literals, choices;
    const int32_t *literal_ends;
    Level *levels;
    Span *spans;
    uint8_t *values, *sound;
    Name *names;
    uint64_t *hashes, *seen;
    int64_t slot_mask;
    int32_t documents, levels_count, record, document;
    int32_t spans_count, spans_capacity, values_size, values_capacity, names_count, names_capacity;
    int32_t may_learn;
    /* Of the document that is being read: */
    int32_t is_full, hashes_count, seen_count;
    uint64_t epoch;
    Bytes end;
} Scan;

static uint64_t load(Bytes p) {
    uint64_t word;
    __builtin_memcpy(&word, p, 8);
    return word;
}

static void store(uint8_t *p, uint64_t word) { __builtin_memcpy(p, &word, 8); }

uint64_t hash_key(Bytes key, int32_t length) {
    uint64_t hash = (uint64_t)length * 0x9E3779B97F4A7C15u;
    for (; length > 0; key += 8, length -= 8) {
        uint64_t word = load(key);
        if (length < 8) word &= ((uint64_t)1 << (8 * length)) - 1;
        hash = (hash ^ word) * 0xC2B2AE3D27D4EB4Fu;
        hash ^= hash >> 29;
    }
    return hash | 1;
}

static int is_same(Bytes a, Bytes b, int32_t length) {
    for (int32_t i = 0; i < length; i++)
        if (a[i] != b[i]) return 0;
    return 1;
}

static Bytes white(const Scan *s, Bytes p) {
    while (*p <= ' ' && p < s->end) p++;
    return p;
}

/* Which bytes of a word are a quote or a backslash: the high bit of each, from the lowest that is. */
static uint64_t specials(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quotes = word ^ (ones * '"'), backslashes = word ^ (ones * '\\');
    return (((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes)) & highs;
}

/* Keys that are given twice ---------------------------------------------------------------------------------------- */

/* The keys of an object that is open: their hashes are those from `first` on. Those of a large one are in the table,
   too, for as long as the table is that of `epoch`. */
typedef struct {
    int32_t first;
    uint64_t epoch;
} Keys;

static int insert(Scan *s, uint64_t tag) {
    uint64_t i = (tag ^ tag >> 32) & (SEEN - 1);
    while (s->seen[i]) {
        if (s->seen[i] == tag) return 0;
        i = (i + 1) & (SEEN - 1);
    }
    s->seen[i] = tag;
    s->seen_count++;
    return 1;
}

static uint64_t tag_of(const Keys *keys, uint64_t hash) {
    return (hash + (uint64_t)keys->first * 0x165667B19E3779F9u + keys->epoch * 0x27D4EB2F165667C5u) | 1;
}

static int insert_all(Scan *s, Keys *keys) {
    if (s->seen_count > SEEN / 2) {
        for (int32_t i = 0; i < SEEN; i++) s->seen[i] = 0;
        s->seen_count = 0;
    }
    /* Each large object has an epoch of its own, and a new one when it returns to the table after another's. */
    keys->epoch = ++s->epoch;
    for (int32_t i = keys->first; i < s->hashes_count; i++)
        if (!insert(s, tag_of(keys, s->hashes[i]))) return 0;
    return 1;
}

/* Add a key to its object; 0 if it may have it already, or if there are too many. */
static int add_key(Scan *s, Keys *keys, uint64_t hash) {
    int32_t count = s->hashes_count - keys->first;
    if (s->hashes_count == HASHES || count == MOST_KEYS) return 0;
    if (count < FEW_KEYS) {
        uint64_t same = 0;
        for (int32_t i = keys->first; i < s->hashes_count; i++) same |= s->hashes[i] == hash;
        s->hashes[s->hashes_count++] = hash;
        return !same;
    }
    s->hashes[s->hashes_count++] = hash;
    if (keys->epoch != s->epoch || s->seen_count > SEEN / 2) return insert_all(s, keys);
    return insert(s, tag_of(keys, hash));
}

/* Values that are copied, or passed over --------------------------------------------------------------------------- */

/* Where a value is copied to: NULL to pass over it. No value is longer than its document. */
typedef uint8_t *Out;

static int hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int32_t code_unit(Bytes p) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex(p[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

static Out put_escape(Out out, int32_t code) {
    static const char short_forms[] = "btn.fr";
    *out++ = '\\';
    if (code == '"' || code == '\\') {
        *out++ = (uint8_t)code;
    } else if (code >= 8 && code <= 13 && code != 11) {
        *out++ = (uint8_t)short_forms[code - 8];
    } else {
        *out++ = 'u', *out++ = '0', *out++ = '0';
        *out++ = (uint8_t)('0' + (code >> 4));
        *out++ = (uint8_t)("0123456789abcdef"[code & 15]);
    }
    return out;
}

static Out put_code_point(Out out, int32_t code) {
    if (code < ' ' || code == '"' || code == '\\') return put_escape(out, code);
    if (code < 0x80) {
        *out++ = (uint8_t)code;
    } else if (code < 0x800) {
        *out++ = (uint8_t)(0xC0 | code >> 6);
        *out++ = (uint8_t)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (uint8_t)(0xE0 | code >> 12);
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (code & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | code >> 18);
        *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (code & 0x3F));
    }
    return out;
}

/* Copy an escape, `*p` being behind its backslash, the way the strict reading writes the character. */
static Out copy_escape(const Scan *s, Bytes *p, Out out) {
    uint8_t c = *(*p)++;
    if (c != 'u') {
        if (c == '/') {
            *out++ = c;
            return out;
        }
        *out++ = '\\', *out++ = c;
        return out;
    }
    if (s->end - *p < 4) return 0;
    int32_t code = code_unit(*p);
    *p += 4;
    if (code >= 0xD800 && code < 0xDC00 && s->end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int32_t low = code_unit(*p + 2);
        if (low < 0xDC00 || low > 0xDFFF) return 0;
        *p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code < 0 || (code >= 0xD800 && code < 0xE000)) {
        return 0;
    }
    return put_code_point(out, code);
}

/* Copy a text, `*p` being behind its opening quote, with both quotes. */
static Out copy_text(const Scan *s, Bytes *p, Out out) {
    *out++ = '"';
    while (*p < s->end) {
        uint64_t word = load(*p), found = specials(word);
        store(out, word);
        if (!found) {
            *p += 8, out += 8;
            continue;
        }
        int length = __builtin_ctzll(found) >> 3;
        *p += length, out += length;
        if (*(*p)++ == '"') {
            if (*p > s->end) return 0;
            *out++ = '"';
            return out;
        }
        out = copy_escape(s, p, out);
        if (!out) return 0;
    }
    return 0;
}

/* Return the closing quote of the text that begins at `p`, behind its opening one; NULL if there is none. */
static Bytes text_end(const Scan *s, Bytes p, int *has_escapes) {
    while (p < s->end) {
        uint64_t found = specials(load(p));
        if (!found) {
            p += 8;
            continue;
        }
        p += __builtin_ctzll(found) >> 3;
        if (*p == '"') return p < s->end ? p : 0;
        *has_escapes = 1;
        p += 2;
    }
    return 0;
}

static int is_scalar(uint8_t c) { return c > ' ' && c != ',' && c != '}' && c != ']' && c != '"' && c != ':'; }

static Bytes value(Scan *s, Bytes p, Out *out, int depth);

static Bytes object_value(Scan *s, Bytes p, Out *out, int depth) {
    Keys keys = {s->hashes_count, 0};
    if (*out) *(*out)++ = '{';
    p = white(s, p);
    while (*p != '}') {
        if (*p++ != '"') return 0;
        uint64_t hash;
        if (*out) {
            Out key = *out + 1;
            *out = copy_text(s, &p, *out);
            if (!*out) return 0;
            hash = hash_key(key, (int32_t)(*out - 1 - key));
        } else {
            int has_escapes = 0;
            Bytes close = text_end(s, p, &has_escapes);
            if (!close || has_escapes) return 0;
            hash = hash_key(p, (int32_t)(close - p));
            p = close + 1;
        }
        if (!add_key(s, &keys, hash)) return 0;
        p = white(s, p);
        if (*p != ':') return 0;
        if (*out) *(*out)++ = ':';
        p = value(s, white(s, p + 1), out, depth + 1);
        if (!p) return 0;
        p = white(s, p);
        if (*p == '}') break;
        if (*p != ',') return 0;
        if (*out) *(*out)++ = ',';
        p = white(s, p + 1);
    }
    if (p >= s->end) return 0;
    if (*out) *(*out)++ = '}';
    s->hashes_count = keys.first;
    return p + 1;
}

static Bytes array_value(Scan *s, Bytes p, Out *out, int depth) {
    if (*out) *(*out)++ = '[';
    p = white(s, p);
    while (*p != ']') {
        p = value(s, p, out, depth + 1);
        if (!p) return 0;
        p = white(s, p);
        if (*p == ']') break;
        if (*p != ',') return 0;
        if (*out) *(*out)++ = ',';
        p = white(s, p + 1);
    }
    if (p >= s->end) return 0;
    if (*out) *(*out)++ = ']';
    return p + 1;
}

/* Copy the value at `p` to `*out`, without white space, or pass over it; return what follows, NULL if it is unsound. */
static Bytes value(Scan *s, Bytes p, Out *out, int depth) {
    if (depth > MOST_LEVELS || p >= s->end) return 0;
    if (*p == '{') return object_value(s, p + 1, out, depth);
    if (*p == '[') return array_value(s, p + 1, out, depth);
    if (*p == '"') {
        p++;
        if (*out) {
            *out = copy_text(s, &p, *out);
            return *out ? p : 0;
        }
        int has_escapes;
        p = text_end(s, p, &has_escapes);
        return p ? p + 1 : 0;
    }
    Bytes start = p;
    while (is_scalar(*p) && p < s->end) {
        if (*out) *(*out)++ = *p;
        p++;
    }
    return p > start ? p : 0;
}

/* What the contract names ------------------------------------------------------------------------------------------ */

static Bytes full(Scan *s) {
    s->is_full = 1;
    return 0;
}

static int has_room(const Scan *s, int32_t size, int32_t capacity, Bytes p, int32_t more) {
    return (int64_t)size + more + (s->end - p) + 16 <= capacity;
}

static Bytes unnamed(Scan *s, Bytes p, int32_t level_number, int32_t literal, int depth) {
    Level *level = &s->levels[level_number];
    int32_t start = literal ? s->literal_ends[literal - 1] : 0, end = s->literal_ends[literal];
    if (!has_room(s, level->size, level->capacity, p, end - start + 8)) return full(s);
    /* A literal begins with a comma, which the first of an element does without. */
    if (level->size == level->begin) start++;
    Out out = level->text + level->size;
    for (int32_t i = start; i < end; i += 8) store(out + (i - start), load(s->literals + i));
    out += end - start;
    p = value(s, p, &out, depth);
    if (p) level->size = (int32_t)(out - level->text);
    return p;
}

static Bytes copied(Scan *s, Bytes p, const Node *node, int depth) {
    if (!has_room(s, s->values_size, s->values_capacity, p, 0) || s->spans_count == s->spans_capacity) return full(s);
    Out out = s->values + s->values_size;
    p = value(s, p, &out, depth);
    if (!p) return 0;
    int32_t end = (int32_t)(out - s->values);
    Span span = {node->asked, s->levels[node->level].count - 1, s->values_size, end};
    s->spans[s->spans_count++] = span;
    s->values_size = end;
    return p;
}

static Bytes named(Scan *s, Bytes p, const Node *node, int depth);

static uint64_t first_probe(int32_t node, uint64_t hash) { return hash ^ hash >> 32 ^ (uint64_t)node * 0x9E3779B1u; }

static int32_t child_of(const Scan *s, int32_t node, uint64_t hash, Bytes key, int32_t length) {
    uint64_t i = first_probe(node, hash);
    for (int probe = 0; probe < MOST_PROBES; probe++, i++) {
        const Slot *slot = &s->slots[i & s->slot_mask];
        if (slot->node < 0) return NO_SLOT;
        if (slot->hash == hash && slot->node == node && slot->key_length == length &&
            is_same(s->keys + slot->key_start, key, length))
            return slot->child;
    }
    return NO_SLOT;
}

/* Return the free slot in which `child_of` will look for a key of a node; -1 if it would not get so far. */
int64_t free_slot(const Slot *slots, int64_t mask, int32_t node, uint64_t hash) {
    uint64_t i = first_probe(node, hash);
    for (int probe = 0; probe < MOST_PROBES; probe++, i++)
        if (slots[i & mask].node < 0) return i & mask;
    return -1;
}

static Bytes members(Scan *s, Bytes p, const Node *node, int depth) {
    Keys keys = {s->hashes_count, 0};
    int32_t number = (int32_t)(node - s->nodes);
    Out nowhere = 0;
    p = white(s, p);
    while (*p != '}') {
        if (*p++ != '"') return 0;
        Bytes key = p;
        int has_escapes = 0;
        p = text_end(s, p, &has_escapes);
        if (!p || has_escapes) return 0;
        int32_t length = (int32_t)(p - key);
        uint64_t hash = hash_key(key, length);
        if (!add_key(s, &keys, hash)) return 0;
        p = white(s, p + 1);
        if (*p != ':') return 0;
        p = white(s, p + 1);
        int32_t child = child_of(s, number, hash, key, length);
        if (child >= 0) {
            p = named(s, p, &s->nodes[child], depth + 1);
        } else if (child != NO_SLOT) {
            p = unnamed(s, p, node->level, ~child, depth + 1);
        } else if (node->is_around) {
            p = value(s, p, &nowhere, depth + 1);
        } else {
            if (!s->may_learn) return 0;
            if (s->names_count < s->names_capacity) {
                Name name = {number, (int32_t)(key - s->data), length};
                s->names[s->names_count++] = name;
            }
            p = value(s, p, &nowhere, depth + 1);
        }
        if (!p) return 0;
        p = white(s, p);
        if (*p == '}') break;
        if (*p != ',') return 0;
        p = white(s, p + 1);
    }
    if (p >= s->end) return 0;
    s->hashes_count = keys.first;
    return p + 1;
}

static int open_element(Scan *s, Level *level) {
    if (level->count == level->most) {
        s->is_full = 1;
        return 0;
    }
    level->documents[level->count++] = s->document;
    level->begin = level->size;
    return 1;
}

static void close_element(Level *level) { level->ends[level->count - 1] = level->size; }

static Bytes elements(Scan *s, Bytes p, const Node *items, int depth) {
    Out nowhere = 0;
    p = white(s, p);
    while (*p != ']') {
        if (*p == '{' && !items->is_leaf) {
            Level *level = &s->levels[items->level];
            if (depth > MOST_LEVELS || !open_element(s, level)) return 0;
            p = members(s, p + 1, items, depth + 1);
            close_element(level);
        } else {
            p = value(s, p, &nowhere, depth + 1);
        }
        if (!p) return 0;
        p = white(s, p);
        if (*p == ']') break;
        if (*p != ',') return 0;
        p = white(s, p + 1);
    }
    return p < s->end ? p + 1 : 0;
}

static Bytes named(Scan *s, Bytes p, const Node *node, int depth) {
    Out nowhere = 0;
    if (node->choice >= 0) {
        if (s->choices[(int64_t)node->choice * s->documents + s->document] && *p != 'n')
            return unnamed(s, p, node->level, node->literal, depth);
    } else if (node->literal >= 0) {
        Bytes end = unnamed(s, p, node->level, node->literal, depth);
        if (!end || node->asked < 0) return end;
    }
    if (node->asked >= 0) return copied(s, p, node, depth);
    if (node->is_object && *p == '{') return depth > MOST_LEVELS ? 0 : members(s, p + 1, node, depth);
    if (node->items >= 0 && *p == '[') return elements(s, p + 1, &s->nodes[node->items], depth);
    if ((node->is_object || node->items >= 0) && *p != 'n') return 0;
    return value(s, p, &nowhere, depth);
}

/* Take back what the current document left behind, which began when `s` was as `before`. */
static void take_back(Scan *s, const Scan *before) {
    for (int32_t i = 0; i < s->levels_count; i++) {
        Level *level = &s->levels[i];
        while (level->count > 0 && level->documents[level->count - 1] == s->document) level->count--;
        level->size = level->count ? level->ends[level->count - 1] : 0;
    }
    s->spans_count = before->spans_count;
    s->values_size = before->values_size;
}

/* Read the documents from `document` on. After NEW_NAMES, `names` are keys of objects of the contract that have no slot:
   the document they are of, or where FULL was met, is read again by the next call. */
int32_t read_documents(Scan *s) {
    for (; s->document < s->documents; s->document++) {
        Scan before;
        before.spans_count = s->spans_count;
        before.values_size = s->values_size;
        s->is_full = s->hashes_count = s->names_count = 0;
        s->end = s->data + s->ends[s->document];
        Bytes p = 0;
        if (open_element(s, &s->levels[0])) {
            p = white(s, s->data + s->starts[s->document]);
            p = *p == '{' && p < s->end ? members(s, p + 1, &s->nodes[s->record], 1) : 0;
            close_element(&s->levels[0]);
        }
        s->sound[s->document] = p != 0;
        if (p && !s->names_count) continue;
        take_back(s, &before);
        if (s->is_full) return FULL;
        if (p && s->names_count) return NEW_NAMES;
        open_element(s, &s->levels[0]);
        close_element(&s->levels[0]);
    }
    return DONE;
}
