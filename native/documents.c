/* Splits texts into JSON documents, reads these along a plan, the tree of what a contract reads, and makes columns of the
   values.

   `split_values` checks the grammar of a text and notes where each of its values lies; `split_lines` also which lines
   are broken. `read_documents` passes over each document once. It notes where the value of each node of the plan lies,
   numbers the elements of the lists that are read, and notes the fields of the document's objects that may be unnamed
   ones. The other functions make columns of values at such positions, all of a batch at once: texts, numbers, instants,
   and the unnamed fields as JSON behind their paths; put these on rows; and cut rows by month. `is_utf8` and `holds` look
   at texts as such.

   The grammar of the documents that `read_documents` gets has been checked. All the same, nothing is read behind a
   document's end but padding, and nothing is written beyond a capacity: what does not fit the grammar makes its document
   unsound, and so do keys that are given twice in an object, and nesting that is too deep. Unsound documents leave
   nothing behind. A value of which a function is not certain is marked, for its caller to judge.

   No library is needed, not even C's: the result loads on every system of its processor. */

#include <stdint.h>

/* Which source a binary was built from: a test compares it with this file's. */
const char source_digest[] = SOURCE_DIGEST;

typedef const uint8_t *Bytes;

enum { DONE, FULL };                 /* what read_documents returns */
enum { MOST_LEVELS = 120 };          /* of nesting */
enum { FEW_KEYS = 128 };           /* of an object, that are compared one by one */
enum { MOST_KEYS = 1 << 15 };        /* of an object */
enum { HASHES = 1 << 17 };           /* room for the keys of all objects that are open at once */
enum { SEEN = 1 << 18 };             /* slots of the table of keys of large objects */
enum { NAMES = 1 << 13 };            /* slots of the table of names that were noted */
enum { MOST_NAMES = 2000 };          /* names that are noted, of all batches */
enum { LONGEST_KEY = 4000 };         /* of those that are written with escapes */
enum { MOST_PROBES = 64 };
enum { KNOWN = 1 << 11 };            /* keys that are known */
enum { KNOWN_SLOTS = 2 * KNOWN };    /* of the table of known keys */
enum { LONGEST_KNOWN = 30 };         /* of the keys that are known */
enum { MOST_OF_SHAPE = 256 };        /* known keys of one shape */
enum { NO_SHAPE = -1, UNKNOWN = -1 };
enum { NO_NODE = -1 };
enum { NOTHING = -1, NO_FIELDS = -2 };   /* what is full, but for the number of a level */

/* A key of a node, and the node of its value. */
typedef struct {
    uint64_t hash;
    int32_t node, key_start, key_length, child;
} Slot;

enum {
    OPENS = 1,      /* the members of an object are looked at */
    IS_ONE = 2,     /* an object is a list of one */
    COLLECTS = 4,   /* fields of an object that have no node, or one that is RECORDED, are kept */
    RECORDED = 8,
    IS_AROUND = 16, /* names that have no node are noted */
};

/* A value that the plan reads. Values are told apart by the element of `level` that they lie in; of each element,
   `column` numbers the values, -1 for the element itself; null is none. `items` is the node of a list's elements, or -1. */
typedef struct {
    int32_t level, column, items, flags;
} Node;

/* Elements that are numbered: documents, or those of a list. Each lies from `starts` to `ends` in the data, in the
   element `parents` of the level around it, in the document `documents`. Of its `width` values each has a start and an
   end in `spans`, or -1. `begin` is the number of the first one of the document that is being read. */
typedef struct {
    int32_t *spans, *starts, *ends, *parents, *documents;
    int32_t count, capacity, width, begin;
} Level;

/* A field of an object that collects: `node` is the object's, `child` the value's or -1, `element` the number of the
   element that the object lies in, `parent` the field whose value the object is, or -1, `known` its key's number among
   the known ones, or -1. A value that `is_compact` has neither white space between what it holds, nor escapes. */
typedef struct {
    int32_t node, child, element, parent, key_start, key_length, is_plain, is_compact, start, end, known;
} Field;

typedef struct {
    int32_t node, start, length;
} Name;

/* Names that have no node, each the first time that it is met: `table` has tags of all that were met before. */
typedef struct {
    Name *names;
    uint64_t *table;
    int32_t count, capacity, met, padding;
} Names;

/* A key that was met before in objects of a shape: those of one node, or below one unnamed known key. `text` is the key and
   its closing quote, `number` tells it from the other keys of its shape, `child` is the node of its value or -1, and `next`
   the key that was met behind it, or -1. */
typedef struct {
    uint8_t text[LONGEST_KNOWN + 2];
    uint64_t hash;
    int32_t shape, child, next;
    uint16_t number;
    uint8_t length, is_plain : 1, is_noted : 1;
} Known;

/* The known keys of objects of a shape: how many there are, and the one that was met first in the last object, or -1. */
typedef struct {
    int32_t first, count;
} Shape;

typedef struct {
    Bytes data;
    const int64_t *starts, *ends;
    const Node *nodes;
    const Slot *slots;
    Bytes keys;
    Level *levels;
    Field *fields;
    uint8_t *sound, *scratch;
    Names *around;
    uint64_t *hashes, *seen;
    Known *known;
    Shape *shapes;                   /* by node, and behind them by known key */
    int32_t *known_slots;            /* numbers of known keys, one more than each; 0 for none */
    int64_t slot_mask;
    int32_t documents, levels_count, record, document;
    int32_t nodes_count, known_count;
    int32_t fields_count, fields_capacity;
    /* Of the document that is being read: */
    int32_t full, hashes_count, seen_count;
    int32_t is_loose;                /* whether there was white space, or an escape */
    uint64_t epoch;
    Bytes end;
} Scan;

/* Blocks of bytes -------------------------------------------------------------------------------------------------- */

typedef uint8_t Block __attribute__((vector_size(16)));

#if defined(__x86_64__)
#include <cpuid.h>
#define WITH_LOOKUPS __attribute__((target("ssse3")))
typedef char Chars __attribute__((vector_size(16)));

static int has_lookups(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3);
}

static inline WITH_LOOKUPS Block look_up(Block table, Block at) {
    return (Block)__builtin_ia32_pshufb128((Chars)table, (Chars)at);
}

enum { BITS_A_BYTE = 1 };

static inline uint64_t bits_of(Block marks) { return (uint32_t)__builtin_ia32_pmovmskb128((Chars)marks); }
#else
#include <arm_neon.h>
#define WITH_LOOKUPS

static int has_lookups(void) { return 1; }

static inline Block look_up(Block table, Block at) { return (Block)vqtbl1q_u8((uint8x16_t)table, (uint8x16_t)at); }

enum { BITS_A_BYTE = 4 };

static inline uint64_t bits_of(Block marks) {
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16((uint16x8_t)marks, 4)), 0);
}
#endif

static inline Block block_at(Bytes p) {
    Block block;
    __builtin_memcpy(&block, p, sizeof block);
    return block;
}

static inline uint64_t any_of(Block block) {
    uint64_t halves[2];
    __builtin_memcpy(halves, &block, sizeof halves);
    return halves[0] | halves[1];
}

static inline int is_ascii(Block block) { return !(any_of(block) & 0x8080808080808080u); }

/* The number of the first byte that has bits. */
static inline int first_of(uint64_t bits) { return __builtin_ctzll(bits) / BITS_A_BYTE; }

/* Which bytes are a quote or a backslash. */
static inline Block specials(Block block) { return (Block)(block == '"') | (Block)(block == '\\'); }

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

static Bytes white(Scan *s, Bytes p) {
    while (*p <= ' ' && p < s->end) p++, s->is_loose = 1;
    return p;
}

/* Keys that are given twice ---------------------------------------------------------------------------------------- */

/* The keys of an object of a shape that is open. `met` has a bit for each known one by its number; `last` is the one that
   was met last, and `expected` what was behind it in another object. Of the others the hashes are those from `first` on. Of
   few, `marks` has a bit for each, by which most new ones are seen to be new. Those of a large object are in the table,
   too, for as long as the table is that of `epoch`. */
typedef struct {
    int32_t first, shape, last, expected;
    uint64_t epoch, marks[4], met[MOST_OF_SHAPE / 64];
} Keys;

static Keys keys_of(const Scan *s, int32_t shape) {
    Keys keys = {s->hashes_count, shape, UNKNOWN, shape < 0 ? UNKNOWN : s->shapes[shape].first, 0, {0}, {0}};
    return keys;
}

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
        uint64_t *marks = &keys->marks[hash >> 62], mark = (uint64_t)1 << (hash >> 56 & 63), same = 0;
        if (*marks & mark)
            for (int32_t i = keys->first; i < s->hashes_count; i++) same |= s->hashes[i] == hash;
        *marks |= mark;
        s->hashes[s->hashes_count++] = hash;
        return !same;
    }
    s->hashes[s->hashes_count++] = hash;
    if (count == FEW_KEYS || keys->epoch != s->epoch || s->seen_count > SEEN / 2) return insert_all(s, keys);
    return insert(s, tag_of(keys, hash));
}

/* Texts ------------------------------------------------------------------------------------------------------------- */

/* Where something is written to; never more than what it is made of. */
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

static Out put_code_point(Out out, int32_t code, int as_json) {
    if (as_json && (code < 0x20 || code == 0x22 || code == 0x5C)) return put_escape(out, code);
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

/* Copy an escape, `*p` being behind its backslash, the way the strict reading writes the character in JSON. */
static Out copy_escape(Bytes *p, Bytes end, Out out, int as_json) {
    uint8_t c = *(*p)++;
    int32_t code;
    if (c != 'u') {
        if (as_json && c != '/') {
            *out++ = '\\', *out++ = c;
            return out;
        }
        static const uint8_t letters[] = "bfnrt", codes[] = "\b\f\n\r\t";
        for (int i = 0; i < 5; i++)
            if (c == letters[i]) c = codes[i];
        *out++ = c;
        return out;
    }
    if (end - *p < 4) return 0;
    code = code_unit(*p);
    *p += 4;
    if (code >= 0xD800 && code < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int32_t low = code_unit(*p + 2);
        if (low < 0xDC00 || low > 0xDFFF) return 0;
        *p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code < 0 || (code >= 0xD800 && code < 0xE000)) {
        return 0;
    }
    return put_code_point(out, code, as_json);
}

/* Copy what is within a text, `*p` being behind its opening quote, up to its closing one, behind which it then is. Up to
   ROOM bytes more may be written than what it is. */
static Out copy_text(Bytes *p, Bytes end, Out out, int as_json) {
    while (*p < end) {
        Block block = block_at(*p);
        uint64_t found = bits_of(specials(block));
        __builtin_memcpy(out, &block, sizeof block);
        if (!found) {
            *p += sizeof block, out += sizeof block;
            continue;
        }
        int length = first_of(found);
        *p += length, out += length;
        if (*p >= end) return 0;
        if (*(*p)++ == '"') return out;
        out = copy_escape(p, end, out, as_json);
        if (!out) return 0;
    }
    return 0;
}

/* Return the closing quote of the text that begins at `p`, behind its opening one; NULL if there is none. */
static Bytes text_end(Bytes p, Bytes end, int32_t *has_escapes) {
    while (p < end) {
        uint64_t found = bits_of(specials(block_at(p)));
        if (!found) {
            p += sizeof(Block);
            continue;
        }
        p += first_of(found);
        if (*p == '"') return p < end ? p : 0;
        *has_escapes = 1;
        p += 2;
    }
    return 0;
}

/* Values that are passed over -------------------------------------------------------------------------------------- */

/* A key as it is in JSON without needless escapes; what is known of it, and the node of its value or -1. */
typedef struct {
    Bytes text;
    uint64_t hash;
    int32_t length, known, child, is_plain;
} Key;

static uint64_t first_probe(int32_t node, uint64_t hash) { return hash ^ hash >> 32 ^ (uint64_t)node * 0x9E3779B1u; }

static int32_t child_of(const Scan *s, int32_t node, uint64_t hash, Bytes key, int32_t length) {
    uint64_t i = first_probe(node, hash);
    for (int probe = 0; probe < MOST_PROBES; probe++, i++) {
        const Slot *slot = &s->slots[i & s->slot_mask];
        if (slot->node < 0) return NO_NODE;
        if (slot->hash == hash && slot->node == node && slot->key_length == length &&
            is_same(s->keys + slot->key_start, key, length))
            return slot->child;
    }
    return NO_NODE;
}

/* Whether a key stands in a path as it is: those with other characters are looked at by the caller. */
static int is_plain(Bytes key, int32_t length) {
    if (length == 0) return 0;
    for (int32_t i = 0; i < length; i++) {
        uint8_t c = key[i];
        if (c <= ' ' || c >= 0x7F || c == '.' || c == '[' || c == ']' || c == '"' || c == '\\') return 0;
    }
    return 1;
}

/* Whether a known key stands at `p`, behind its opening quote. */
static inline int is_at(const Known *known, Bytes p) {
    enum { BLOCK = sizeof(Block) };
    uint64_t differ = bits_of((Block)(block_at(p) != block_at(known->text)));
    int size = known->length + 1;
    if (size < BLOCK) return !(differ & (((uint64_t)1 << size * BITS_A_BYTE) - 1));
    if (differ) return 0;
    differ = bits_of((Block)(block_at(p + BLOCK) != block_at(known->text + BLOCK)));
    return !(differ & (((uint64_t)1 << (size - BLOCK) * BITS_A_BYTE) - 1));
}

/* Add a known key to its object; 0 if it has it already. */
static inline int add_known(Scan *s, Keys *keys, Key *key, int32_t number) {
    const Known *known = &s->known[number];
    uint64_t *word = &keys->met[known->number / 64], bit = (uint64_t)1 << known->number % 64;
    if (*word & bit) return 0;
    *word |= bit;
    keys->last = number;
    keys->expected = known->next;
    key->known = number;
    key->child = known->child;
    key->is_plain = known->is_plain;
    return 1;
}

/* Find a key among the known ones; where it is not, `slot` is the one for it, NULL for none. */
static int32_t known_key(const Scan *s, int32_t shape, const Key *key, int32_t **slot) {
    uint64_t i = first_probe(shape, key->hash);
    for (int probe = 0; probe < MOST_PROBES; probe++, i++) {
        *slot = &s->known_slots[i & (KNOWN_SLOTS - 1)];
        if (!**slot) return UNKNOWN;
        const Known *known = &s->known[**slot - 1];
        if (known->hash == key->hash && known->shape == shape && known->length == key->length &&
            is_same(known->text, key->text, key->length))
            return **slot - 1;
    }
    *slot = 0;
    return UNKNOWN;
}

/* Make a key a known one, if that may be: of an object that has no others. */
static int32_t make_known(Scan *s, const Keys *keys, const Key *key, int32_t *slot) {
    Shape *shape = &s->shapes[keys->shape];
    if (!slot || key->length > LONGEST_KNOWN || s->known_count == KNOWN || shape->count == MOST_OF_SHAPE) return UNKNOWN;
    if (s->hashes_count > keys->first) return UNKNOWN;
    Known *known = &s->known[s->known_count];
    for (int32_t i = 0; i < LONGEST_KNOWN + 2; i++) known->text[i] = i < key->length ? key->text[i] : '"';
    known->hash = key->hash;
    known->shape = keys->shape;
    known->child = keys->shape < s->nodes_count ? child_of(s, keys->shape, key->hash, key->text, key->length) : NO_NODE;
    known->next = UNKNOWN;
    known->number = (uint16_t)shape->count++;
    known->length = (uint8_t)key->length;
    known->is_plain = is_plain(key->text, key->length);
    known->is_noted = 0;
    s->shapes[s->nodes_count + s->known_count] = (Shape){UNKNOWN, 0};
    *slot = ++s->known_count;
    return s->known_count - 1;
}

/* Do as `take_key` does, for a key that was not expected. */
static Bytes take_other_key(Scan *s, Bytes p, Keys *keys, Key *key) {
    int32_t has_escapes = 0;
    Bytes close = text_end(p, s->end, &has_escapes);
    if (!close) return 0;
    key->text = p;
    key->length = (int32_t)(close - p);
    if (has_escapes) {
        s->is_loose = 1;
        Bytes source = p;
        if (key->length > LONGEST_KEY) return 0;
        Out end = copy_text(&source, s->end, s->scratch, 1);
        if (!end) return 0;
        store(end, 0);
        key->text = s->scratch;
        key->length = (int32_t)(end - s->scratch);
    }
    key->hash = hash_key(key->text, key->length);
    if (keys->shape >= 0) {
        int32_t *slot, known = known_key(s, keys->shape, key, &slot);
        if (known < 0 && !has_escapes) known = make_known(s, keys, key, slot);
        if (known >= 0) {
            *(keys->last < 0 ? &s->shapes[keys->shape].first : &s->known[keys->last].next) = known;
            int is_new = add_known(s, keys, key, known);
            key->is_plain &= !has_escapes;
            return is_new ? close : 0;
        }
    }
    key->known = UNKNOWN;
    key->is_plain = !has_escapes && is_plain(key->text, key->length);
    int is_of_node = keys->shape >= 0 && keys->shape < s->nodes_count;
    key->child = is_of_node ? child_of(s, keys->shape, key->hash, key->text, key->length) : NO_NODE;
    return add_key(s, keys, key->hash) ? close : 0;
}

/* Take the key that begins at `p`, behind its opening quote, and add it to its object. Returns its closing quote; NULL if
   the object has it already. Objects that one program wrote mostly have the same keys in the same order, but for some: a
   key that was behind the last one before, or behind that, is neither looked for its end, nor up in a table. */
static inline Bytes take_key(Scan *s, Bytes p, Keys *keys, Key *key) {
    int32_t expected = keys->expected;
    for (int i = 0; i < 2 && expected >= 0; i++, expected = s->known[expected].next) {
        const Known *known = &s->known[expected];
        if (!is_at(known, p) || p + known->length >= s->end) continue;
        key->text = p;
        key->length = known->length;
        key->hash = known->hash;
        return add_known(s, keys, key, expected) ? p + known->length : 0;
    }
    return take_other_key(s, p, keys, key);
}

/* The shape of the objects below a known key. */
static int32_t shape_below(const Scan *s, int32_t known) { return known < 0 ? NO_SHAPE : s->nodes_count + known; }

static int is_scalar(uint8_t c) { return c > ' ' && c != ',' && c != '}' && c != ']' && c != '"' && c != ':'; }

/* Return what follows the value at `p`, whose objects are of a shape; NULL if it is unsound. */
static Bytes skip(Scan *s, Bytes p, int32_t shape, int depth) {
    if (depth > MOST_LEVELS || p >= s->end) return 0;
    if (*p == '"') {
        p = text_end(p + 1, s->end, &s->is_loose);
        return p ? p + 1 : 0;
    }
    if (*p != '{' && *p != '[') {
        Bytes start = p;
        while (is_scalar(*p) && p < s->end) p++;
        return p > start ? p : 0;
    }
    int is_object = *p == '{';
    uint8_t close = is_object ? '}' : ']';
    Keys keys = keys_of(s, is_object ? shape : NO_SHAPE);
    p = white(s, p + 1);
    while (*p != close) {
        int32_t inner = shape;
        if (is_object) {
            Key key;
            if (*p != '"') return 0;
            p = take_key(s, p + 1, &keys, &key);
            if (!p) return 0;
            inner = shape_below(s, key.known);
            p = white(s, p + 1);
            if (*p != ':') return 0;
            p = white(s, p + 1);
        }
        p = skip(s, p, inner, depth + 1);
        if (!p) return 0;
        p = white(s, p);
        if (*p == close) break;
        if (*p != ',') return 0;
        p = white(s, p + 1);
    }
    if (p >= s->end) return 0;
    s->hashes_count = keys.first;
    return p + 1;
}

/* Splitting -------------------------------------------------------------------------------------------------------- */

enum { BY_COMMAS, BY_NOTHING };      /* what separates values: a comma, or at most white space */
enum { DEEPEST = 512 };              /* nesting of a value that is not unusual */
enum { DEEPEST_OF_ALL = 2048 };      /* nesting of a value whose end is looked for */
enum { NOT_JSON, ENDS_EARLY, TOO_DEEP, NOT_UTF8 };   /* why a value is broken */

/* A text that is split. Of a value that is broken, `broken` is where it stops being JSON, or the token that does, and
   `why` the reason. A value `is_unusual` where the grammar allows it or many programs write it, but not every parser
   takes it: with half of a pair of surrogates, NaN or an infinity, or nesting deeper than DEEPEST. */
typedef struct {
    Bytes end, broken;
    int32_t why, is_unusual, is_cut_off, padding;
} Split;

static Bytes breaks(Split *s, Bytes at, int32_t why) {
    s->broken = at;
    s->why = why;
    return 0;
}

/* Break a number or a word that may go on where the text ends. */
static Bytes cut_off(Split *s, Bytes at) {
    s->is_cut_off = 1;
    return breaks(s, at, NOT_JSON);
}

static int is_white(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static Bytes behind_white(Bytes p, Bytes end) {
    while (p < end && is_white(*p)) p++;
    return p;
}

/* Return what follows the UTF-8 of the character beyond ASCII at `p`; NULL if it is none. */
static Bytes behind_character(Bytes p, Bytes end) {
    uint8_t first = *p++, least = 0x80, most = 0xBF;
    int32_t more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (first < 0xC2 || first > 0xF4 || end - p < more) return 0;
    if (first == 0xE0) least = 0xA0;
    if (first == 0xED) most = 0x9F;
    if (first == 0xF0) least = 0x90;
    if (first == 0xF4) most = 0x8F;
    if (*p < least || *p > most) return 0;
    for (p++; more > 1; more--)
        if (*p++ >> 6 != 2) return 0;
    return p;
}

/* Return what follows the four digits of an escape at `p`, whose backslash is at `start`; NULL if there are none. */
static Bytes behind_code(Split *s, Bytes p, Bytes start, int32_t *code) {
    for (int i = 0; i < 4; i++) {
        if (p + i == s->end) return breaks(s, s->end, ENDS_EARLY);
        if (hex(p[i]) < 0) return breaks(s, start, NOT_JSON);
    }
    *code = code_unit(p);
    return p + 4;
}

/* Return what follows the escape at `p`; NULL if it is none. */
static Bytes behind_escape(Split *s, Bytes p) {
    Bytes start = p++;
    if (p == s->end) return breaks(s, s->end, ENDS_EARLY);
    uint8_t c = *p++;
    if (c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't') return p;
    if (c != 'u') return breaks(s, start, NOT_JSON);
    int32_t code, low;
    p = behind_code(s, p, start, &code);
    if (!p || code < 0xD800 || code >= 0xE000) return p;
    if (code < 0xDC00 && s->end - p >= 2 && p[0] == '\\' && p[1] == 'u') {
        Bytes other = behind_code(s, p + 2, p, &low);
        if (!other) return 0;
        if (low >= 0xDC00 && low <= 0xDFFF) return other;
    }
    s->is_unusual = 1;
    return p;
}

/* Return what follows the text that begins at `p`, behind its opening quote; NULL if it is none, or, where it is to be
   looked at, not UTF-8. */
static inline __attribute__((always_inline)) Bytes behind_text(Split *s, Bytes p, int checks_utf8) {
    Bytes end = s->end;
    while (p < end) {
        if (end - p >= (int64_t)sizeof(Block)) {
            Block block = block_at(p), marks = specials(block) | (Block)(block < ' ');
            if (checks_utf8) marks |= block;
            uint64_t found = bits_of(checks_utf8 ? (Block)(marks >= 0x80) : marks);
            if (!found) {
                p += sizeof block;
                continue;
            }
            p += first_of(found);
        }
        uint8_t c = *p;
        if (c == '"') return p + 1;
        if (c < ' ') return breaks(s, p, NOT_JSON);
        if (c == '\\') {
            p = behind_escape(s, p);
            if (!p) return 0;
        } else if (checks_utf8 && c >= 0x80) {
            Bytes next = behind_character(p, end);
            if (!next) return breaks(s, p, NOT_UTF8);
            p = next;
        } else {
            p++;
        }
    }
    return breaks(s, end, ENDS_EARLY);
}

static Bytes behind_digits(Bytes p, Bytes end) {
    Bytes first = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p > first ? p : 0;
}

static Bytes behind_word(Split *s, Bytes p, Bytes start, const char *word) {
    for (; *word; word++) {
        if (p == s->end) return cut_off(s, start);
        if (*p++ != (uint8_t)*word) return breaks(s, start, NOT_JSON);
    }
    return p;
}

static Bytes behind_constant(Split *s, Bytes p, Bytes start, const char *word) {
    s->is_unusual = 1;
    return behind_word(s, p, start, word);
}

static int is_of_number(uint8_t c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

static Bytes behind_number(Split *s, Bytes p) {
    Bytes start = p, end = s->end;
    if (*p == '-') p++;
    if (p < end && *p == '0') {
        p++;
        if (p < end && *p >= '0' && *p <= '9') p = 0;
    } else {
        if (p > start && p < end && *p == 'I') return behind_constant(s, p, start, "Infinity");
        p = behind_digits(p, end);
    }
    if (p && p < end && *p == '.') p = behind_digits(p + 1, end);
    if (p && p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        p = behind_digits(p, end);
    }
    if (p) return p;
    for (p = start; p < end && is_of_number(*p); p++);
    return p == end ? cut_off(s, start) : breaks(s, start, NOT_JSON);
}

static inline __attribute__((always_inline)) Bytes behind_scalar(Split *s, Bytes p, int checks_utf8) {
    switch (*p) {
    case '"': return behind_text(s, p + 1, checks_utf8);
    case 't': return behind_word(s, p, p, "true");
    case 'f': return behind_word(s, p, p, "false");
    case 'n': return behind_word(s, p, p, "null");
    case 'N': return behind_constant(s, p, p, "NaN");
    case 'I': return behind_constant(s, p, p, "Infinity");
    default: return behind_number(s, p);
    }
}

/* Return what follows a key and its colon; NULL if there is none. */
static inline __attribute__((always_inline)) Bytes behind_key(Split *s, Bytes p, int checks_utf8) {
    if (p == s->end) return breaks(s, p, ENDS_EARLY);
    if (*p != '"') return breaks(s, p, NOT_JSON);
    p = behind_text(s, p + 1, checks_utf8);
    if (!p) return 0;
    p = behind_white(p, s->end);
    if (p == s->end) return breaks(s, p, ENDS_EARLY);
    return *p == ':' ? behind_white(p + 1, s->end) : breaks(s, p, NOT_JSON);
}

/* Return what follows the value at `p`; NULL if it is broken. */
static inline __attribute__((always_inline)) Bytes behind_any(Split *s, Bytes p, int checks_utf8) {
    uint8_t closes[DEEPEST_OF_ALL];
    int32_t depth = 0;
    Bytes end = s->end;
    while (p < end) {
        if (*p == '{' || *p == '[') {
            if (depth == DEEPEST_OF_ALL) return breaks(s, p, TOO_DEEP);
            uint8_t close = *p == '{' ? '}' : ']';
            p = behind_white(p + 1, end);
            if (p == end) break;
            if (*p != close) {
                if (depth == DEEPEST) s->is_unusual = 1;
                closes[depth++] = close;
                if (close == '}') p = behind_key(s, p, checks_utf8);
                if (!p) return 0;
                continue;
            }
            p++;
        } else {
            p = behind_scalar(s, p, checks_utf8);
            if (!p) return 0;
        }
        /* A value ends here, and perhaps those around it. */
        for (;;) {
            if (depth == 0) return p;
            p = behind_white(p, end);
            if (p == end) return breaks(s, p, ENDS_EARLY);
            if (*p == closes[depth - 1]) {
                p++, depth--;
                continue;
            }
            if (*p != ',') return breaks(s, p, NOT_JSON);
            p = behind_white(p + 1, end);
            if (closes[depth - 1] == '}') p = behind_key(s, p, checks_utf8);
            if (!p) return 0;
            break;
        }
    }
    return breaks(s, end, ENDS_EARLY);
}

static Bytes behind_value(Split *s, Bytes p) { return behind_any(s, p, 0); }

static Bytes behind_utf8_value(Split *s, Bytes p) { return behind_any(s, p, 1); }

/* Note where each value of a text begins and ends, and which are unusual; return how many there are. Where one is broken,
   return -2 less where it begins, or, with nothing between, the first that is unusual; -1 if there are more than
   `capacity`, or scalars with nothing between. */
int64_t split_values(Bytes text, int64_t size, int32_t form, int64_t *starts, int64_t *ends, uint8_t *unusual,
                     int64_t capacity) {
    Split s = {.end = text + size};
    Bytes end = s.end, p = behind_white(text, end);
    int64_t count = 0, first_unusual = -1;
    while (p < end) {
        if (count == capacity || (form == BY_NOTHING && *p != '{' && *p != '[')) return -1;
        int64_t broken = starts[count] = p - text;
        s.is_unusual = 0;
        p = behind_value(&s, p);
        if (p) {
            if (s.is_unusual && form == BY_NOTHING && first_unusual < 0) first_unusual = starts[count];
            unusual[count] = (uint8_t)s.is_unusual;
            ends[count++] = p - text;
            p = behind_white(p, end);
            if (form == BY_NOTHING || p == end) continue;
            broken = p - text;
            if (*p == ',') {
                p = behind_white(p + 1, end);
                if (p < end) continue;
                broken = size;
            }
        }
        return -2 - (first_unusual < 0 ? broken : first_unusual);
    }
    return count;
}

/* Return twice the offset of what follows the value at `at`, and white space around it, in a text; one more if the value is
   unusual. -1 if the text ends before it does, or with what a number or a word may begin with; -2 if it is broken
   otherwise. */
int64_t end_of_value(Bytes text, int64_t at, int64_t size) {
    Split s = {.end = text + size};
    Bytes p = behind_value(&s, behind_white(text + at, s.end));
    if (!p) return s.why == ENDS_EARLY || s.is_cut_off ? -1 : -2;
    return 2 * (behind_white(p, s.end) - text) + s.is_unusual;
}

/* A line that is not JSON, from `start` to `end`: its value that begins at `value` is broken at `broken`, which may lie
   behind the line. `before` values stand before it in the text. */
typedef struct {
    int64_t start, end, value, broken, before;
} BrokenLine;

/* Lines that are split: those of `text` from `at` to `size`, where either a line ends or, if it `is_last`, the file. Values
   of more than `longest` bytes are left to others. `lookahead` is how many bytes may be looked at in vain behind lines that
   turn out to be broken; with none left, no value goes on beyond its line. */
typedef struct {
    Bytes text;
    int64_t at, size, capacity, broken_capacity, longest, lookahead;
    int64_t *starts, *ends;
    uint8_t *unusual;
    BrokenLine *broken;
    int64_t count, broken_count, unusual_count;
    int32_t is_last, checks_utf8, is_full, padding;
} LinesToSplit;

/* Return what follows white space and byte order marks; `*ends_line` says whether a line ends in between. */
static Bytes behind_marks(Bytes p, Bytes end, int *ends_line) {
    for (;; p++) {
        if (end - p >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF) p += 2;
        else if (p < end && is_white(*p)) *ends_line |= *p == '\n' || *p == '\r';
        else return p;
    }
}

static Bytes end_of_line(Bytes p, Bytes end) {
    while (p < end && *p != '\n' && *p != '\r') p++;
    return p;
}

/* Note the values of lines, and which lines are broken. Return how far lines were read: the one that begins there goes on
   behind the text, or is for others to judge, or there is no room left. A line is broken if any value is that begins in it
   or in a line where another ends that does; what it holds is passed over, and the next line begins behind it. */
int64_t split_lines(LinesToSplit *lines) {
    Bytes text = lines->text, end = text + lines->size, p = text + lines->at;
    for (;;) {
        int ends_line = 0;
        Bytes line = p = behind_marks(p, end, &ends_line), value, behind = 0;
        if (p == end) return lines->size;
        ends_line = 0;
        int64_t first = lines->count, unusual = lines->unusual_count;
        int is_alone = lines->lookahead <= 0;
        Split s = {.end = is_alone ? end_of_line(p, end) : end};
        do {
            value = p;
            if (lines->count == lines->capacity) break;
            s.is_unusual = 0;
            behind = lines->checks_utf8 ? behind_utf8_value(&s, p) : behind_value(&s, p);
            if (!behind || behind - p > lines->longest) break;
            lines->starts[lines->count] = p - text;
            lines->ends[lines->count] = behind - text;
            lines->unusual[lines->count++] = (uint8_t)s.is_unusual;
            lines->unusual_count += s.is_unusual;
            ends_line = 0;
            p = behind_marks(behind, end, &ends_line);
        } while (p < end && !ends_line);
        if (p == end || ends_line) {
            if (behind - line > lines->longest && end_of_line(line, end) - line > lines->longest) {
                lines->count = first, lines->unusual_count = unusual;
                return line - text;
            }
            lines->lookahead += behind - line;
            continue;
        }
        lines->is_full = lines->count == lines->capacity || lines->broken_count == lines->broken_capacity;
        lines->count = first, lines->unusual_count = unusual;
        Bytes line_end = end_of_line(line, end);
        int64_t beyond = behind ? 0 : s.broken - line_end;
        int is_open = s.why == ENDS_EARLY && !lines->is_last && !is_alone;
        int is_certain = !behind && s.why != TOO_DEEP && (s.why != NOT_UTF8 || beyond < 0) && !is_open;
        if (lines->is_full || behind) return line - text;
        if (beyond > 0 && !is_open) lines->lookahead -= beyond;
        if (!is_certain || line_end - line > lines->longest) return line - text;
        BrokenLine broken = {line - text, line_end - text, value - text, s.broken - text, first};
        lines->broken[lines->broken_count++] = broken;
        p = line_end;
    }
}

/* What the plan reads ---------------------------------------------------------------------------------------------- */

/* Return the free slot in which `child_of` will look for a key of a node; -1 if it would not get so far. */
int64_t free_slot(const Slot *slots, int64_t mask, int32_t node, uint64_t hash) {
    uint64_t i = first_probe(node, hash);
    for (int probe = 0; probe < MOST_PROBES; probe++, i++)
        if (slots[i & mask].node < 0) return i & mask;
    return -1;
}

/* Note a name that has no node, the first time that it is met; 0 where there is no room for it now. */
static int note(Names *names, int32_t node, uint64_t hash, int32_t start, int32_t length) {
    uint64_t tag = (hash ^ (uint64_t)node * 0xD6E8FEB86659FD93u) | 1, i = tag ^ tag >> 32;
    for (;; i++) {
        uint64_t *slot = &names->table[i & (NAMES - 1)];
        if (*slot == tag) return 1;
        if (*slot) continue;
        if (names->met == MOST_NAMES) return 1;
        if (names->count == names->capacity) return 0;
        *slot = tag;
        names->met++;
        Name name = {node, start, length};
        names->names[names->count++] = name;
        return 1;
    }
}

static int32_t open_element(Scan *s, int32_t level_number, int32_t parent, Bytes p) {
    Level *level = &s->levels[level_number];
    if (level->count == level->capacity) {
        s->full = level_number;
        return -1;
    }
    int32_t element = level->count++;
    level->starts[element] = (int32_t)(p - s->data);
    level->parents[element] = parent;
    level->documents[element] = s->document;
    int32_t *spans = level->spans + (int64_t)element * level->width * 2;
    for (int32_t i = 0; i < level->width * 2; i++) spans[i] = -1;
    return element;
}

static Bytes read_value(Scan *s, Bytes p, const Node *node, int32_t element, int32_t field, int depth);

static Bytes members(Scan *s, Bytes p, const Node *node, int32_t element, int32_t parent, int depth) {
    int32_t number = (int32_t)(node - s->nodes);
    Keys keys = keys_of(s, number);
    Level *level = &s->levels[node->level];
    int32_t *spans = level->spans + (int64_t)element * level->width * 2;
    p = white(s, p);
    while (*p != '}') {
        if (*p++ != '"') return 0;
        Bytes begin = p;
        Key key;
        int32_t field = -1;
        p = take_key(s, p, &keys, &key);
        if (!p) return 0;
        int32_t written = (int32_t)(p - begin);
        p = white(s, p + 1);
        if (*p != ':') return 0;
        p = white(s, p + 1);
        int32_t child = key.child;
        if (child < 0 && node->flags & IS_AROUND) note(s->around, number, key.hash, (int32_t)(begin - s->data), written);
        if (node->flags & COLLECTS && (child < 0 || s->nodes[child].flags & RECORDED)) {
            if (s->fields_count == s->fields_capacity) {
                s->full = NO_FIELDS;
                return 0;
            }
            field = s->fields_count++;
            Field made = {number,  child,        element, parent,                  (int32_t)(begin - s->data),
                          written, key.is_plain, 0,       (int32_t)(p - s->data), 0, key.known};
            s->fields[field] = made;
        }
        Bytes start = p;
        int32_t was_loose = s->is_loose;
        s->is_loose = 0;
        if (child < 0) {
            p = skip(s, p, shape_below(s, key.known), depth + 1);
            if (!p) return 0;
        } else {
            const Node *node_of_value = &s->nodes[child];
            p = read_value(s, p, node_of_value, element, field, depth + 1);
            if (!p) return 0;
            /* A null is no value. */
            if (*start != 'n') {
                spans[2 * node_of_value->column] = (int32_t)(start - s->data);
                spans[2 * node_of_value->column + 1] = (int32_t)(p - s->data);
            }
        }
        if (field >= 0) {
            s->fields[field].end = (int32_t)(p - s->data);
            s->fields[field].is_compact = !s->is_loose;
        }
        s->is_loose |= was_loose;
        p = white(s, p);
        if (*p == '}') break;
        if (*p != ',') return 0;
        p = white(s, p + 1);
    }
    if (p >= s->end) return 0;
    s->hashes_count = keys.first;
    return p + 1;
}

/* Read the value at `p` as an element of a list, which lies in the element `parent` of the level around it. */
static Bytes read_element(Scan *s, Bytes p, int32_t items, int32_t parent, int depth) {
    const Node *node = &s->nodes[items];
    int32_t element = open_element(s, node->level, parent, p);
    if (element < 0) return 0;
    p = read_value(s, p, node, element, -1, depth);
    if (p) s->levels[node->level].ends[element] = (int32_t)(p - s->data);
    return p;
}

static Bytes read_value(Scan *s, Bytes p, const Node *node, int32_t element, int32_t field, int depth) {
    if (depth > MOST_LEVELS || p >= s->end) return 0;
    if (*p == '{' && node->flags & IS_ONE) return read_element(s, p, node->items, element, depth + 1);
    if (*p == '{' && node->flags & OPENS) return members(s, p + 1, node, element, field, depth);
    if (*p != '[' || node->items < 0) return skip(s, p, NO_SHAPE, depth);
    p = white(s, p + 1);
    while (*p != ']') {
        p = read_element(s, p, node->items, element, depth + 1);
        if (!p) return 0;
        p = white(s, p);
        if (*p == ']') break;
        if (*p != ',') return 0;
        p = white(s, p + 1);
    }
    return p < s->end ? p + 1 : 0;
}

/* Read the documents from `document` on. After FULL, `full` says what had no room, and the next call reads the document
   again. */
int32_t read_documents(Scan *s) {
    const Node *record = &s->nodes[s->record];
    for (; s->document < s->documents; s->document++) {
        int32_t fields = s->fields_count;
        for (int32_t i = 0; i < s->levels_count; i++) s->levels[i].begin = s->levels[i].count;
        s->hashes_count = 0;
        s->full = NOTHING;
        s->end = s->data + s->ends[s->document];
        Bytes begin = s->data + s->starts[s->document], p = 0;
        int32_t element = open_element(s, record->level, s->document, begin);
        if (element >= 0) p = read_value(s, white(s, begin), record, element, -1, 1);
        s->sound[s->document] = p != 0;
        if (!p) {
            s->fields_count = fields;
            for (int32_t i = 0; i < s->levels_count; i++) s->levels[i].count = s->levels[i].begin;
            if (s->full != NOTHING) return FULL;
            element = open_element(s, record->level, s->document, begin);
        }
        s->levels[record->level].ends[element] = (int32_t)(s->end - s->data);
    }
    return DONE;
}

/* Columns of values ------------------------------------------------------------------------------------------------ */

/* Values of a column: `starts` and `ends` of each in the data, -1 where there is none. `certain` is cleared for those
   that the caller has to judge. */
typedef struct {
    Bytes data;
    const int64_t *starts, *ends;
    uint8_t *certain;
    int64_t count;
} Values;

/* Copy a value as JSON without white space; NULL if a text in it is no Unicode. */
static Out copy_json(Bytes p, Bytes end, Out out) {
    while (p < end) {
        Block block = block_at(p);
        uint64_t found = bits_of((Block)(block == '"') | (Block)(block <= ' '));
        __builtin_memcpy(out, &block, sizeof block);
        int length = found ? first_of(found) : (int)sizeof block;
        if (length > end - p) length = (int)(end - p);
        p += length, out += length;
        if (p >= end || length == sizeof block) continue;
        uint8_t c = *p++;
        if (c <= ' ') continue;
        *out++ = c;
        out = copy_text(&p, end, out, 1);
        if (!out) return 0;
        *out++ = '"';
    }
    return out;
}

static Out put(Out out, Bytes from, int32_t start, int32_t end) {
    for (int32_t i = start; i < end; i += (int32_t)sizeof(Block)) {
        Block block = block_at(from + i);
        __builtin_memcpy(out + (i - start), &block, sizeof block);
    }
    return out + (end - start);
}

enum { AS_SENT, TEXT, IDENTIFIER, JSON };

static int is_integer(Bytes p, Bytes end) {
    p += *p == '-';
    if (p >= end) return 0;
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p == end;
}

/* Write a value as a text: one of JSON without quotes, for `kind` TEXT scalars as they are sent, for IDENTIFIER integers,
   for JSON whatever there is. NULL where that is not certain. */
static Out put_text(Out out, Bytes p, Bytes end, int32_t kind) {
    if (kind == AS_SENT) return put(out, p, 0, (int32_t)(end - p));
    if (*p == '"') {
        p++;
        return copy_text(&p, end, out, 0);
    }
    if (kind == JSON ? 1 : kind == TEXT ? *p != '{' && *p != '[' : is_integer(p, end)) return copy_json(p, end, out);
    return 0;
}

/* Write values as texts of a kind, one behind the other. */
void read_texts(const Values *v, int32_t kind, uint8_t *out, int32_t *ends) {
    Out start = out;
    for (int64_t i = 0; i < v->count; i++) {
        if (v->starts[i] >= 0) {
            Out written = put_text(out, v->data + v->starts[i], v->data + v->ends[i], kind);
            v->certain[i] = written != 0;
            if (written) out = written;
        }
        ends[i] = (int32_t)(out - start);
    }
}

/* A number as `digits` times 10 to the power of `exponent`. */
typedef struct {
    uint64_t digits;
    int64_t exponent;
    int is_negative;
} Number;

enum { MOST_DIGITS = 18, MOST_EXPONENT_DIGITS = 4 };

/* Read a number, or a text of one; 0 for what is no number of at most MOST_DIGITS digits, written as JSON has it. */
static int read_number(Bytes p, Bytes end, Number *n) {
    int digits = 0, any = 0;
    if (*p == '"') p++, end--;
    n->is_negative = p < end && *p == '-';
    p += n->is_negative;
    n->digits = 0;
    n->exponent = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++, any = 1) {
        n->digits = 10 * n->digits + (*p - '0');
        digits += digits || *p != '0';
        if (digits > MOST_DIGITS) return 0;
    }
    if (!any) return 0;
    if (p < end && *p == '.') {
        Bytes point = p++;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            n->digits = 10 * n->digits + (*p - '0');
            digits += digits || *p != '0';
            if (digits > MOST_DIGITS) return 0;
        }
        n->exponent = point + 1 - p;
        if (!n->exponent) return 0;
    }
    if (p < end && (*p | 0x20) == 'e') {
        int is_below = 0, count = 0;
        int64_t exponent = 0;
        p++;
        if (p < end && (*p == '+' || *p == '-')) is_below = *p++ == '-';
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (++count <= MOST_EXPONENT_DIGITS) exponent = 10 * exponent + (*p - '0');
        if (!count || count > MOST_EXPONENT_DIGITS) return 0;
        n->exponent += is_below ? -exponent : exponent;
    }
    return p == end;
}

static const uint64_t tens[] = {1,
                                10,
                                100,
                                1000,
                                10000,
                                100000,
                                1000000,
                                10000000,
                                100000000,
                                1000000000,
                                10000000000,
                                100000000000,
                                1000000000000,
                                10000000000000,
                                100000000000000,
                                1000000000000000,
                                10000000000000000,
                                100000000000000000,
                                1000000000000000000};

/* How much may be rounded away, half to even, of a number that is to be whole: less than a part in `noise` of it, and
   never more than a part in `unit_noise` of a unit; 0 for no limit of its own. */
typedef struct {
    uint64_t noise, unit_noise;
} Rounding;

/* Make a number times 10 to the power of `shift` whole; 0 where that is not certain. */
static int unit_at(Bytes p, Bytes end, int64_t shift, Rounding r, int64_t *units) {
    Number n;
    *units = 0;
    if (!read_number(p, end, &n)) return 0;
    shift += n.exponent;
    uint64_t whole = n.digits;
    if (whole == 0) return 1;
    if (shift >= 0) {
        if (shift > MOST_DIGITS || whole >= tens[MOST_DIGITS - shift]) return 0;
        whole *= tens[shift];
    } else {
        if (shift < -MOST_DIGITS) return 0;
        uint64_t unit = tens[-shift];
        uint64_t rest = whole % unit;
        whole /= unit;
        int is_up = rest > unit - rest || (rest == unit - rest && whole & 1);
        if (is_up) {
            rest = unit - rest;
            whole++;
        }
        if (rest) {
            if (whole == 0 || (unsigned __int128)rest * r.noise > n.digits) return 0;
            if (r.unit_noise && (unsigned __int128)rest * r.unit_noise > unit) return 0;
        }
        if (whole >= tens[MOST_DIGITS]) return 0;
    }
    *units = n.is_negative ? -(int64_t)whole : (int64_t)whole;
    return 1;
}

/* Make numbers times 10 to the power of `shifts` whole. */
void read_units(const Values *v, const int64_t *shifts, uint64_t noise, uint64_t unit_noise, int64_t *units) {
    Rounding rounding = {noise, unit_noise};
    for (int64_t i = 0; i < v->count; i++) {
        units[i] = 0;
        if (v->starts[i] < 0) continue;
        v->certain[i] = unit_at(v->data + v->starts[i], v->data + v->ends[i], shifts[i], rounding, &units[i]);
    }
}

/* Make a number a float, where both its digits and the power of ten are exact floats: then one operation is exact. 0
   where they are not. */
static int double_at(Bytes p, Bytes end, double *made) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    Number n;
    *made = 0;
    if (!read_number(p, end, &n)) return 0;
    if (n.digits > (uint64_t)1 << 53 || n.exponent < -22 || n.exponent > 22) return 0;
    double number = n.exponent < 0 ? (double)n.digits / powers[-n.exponent] : (double)n.digits * powers[n.exponent];
    *made = n.is_negative ? -number : number;
    return 1;
}

/* Make numbers floats. */
void read_doubles(const Values *v, double *doubles) {
    for (int64_t i = 0; i < v->count; i++) {
        doubles[i] = 0;
        if (v->starts[i] < 0) continue;
        v->certain[i] = double_at(v->data + v->starts[i], v->data + v->ends[i], &doubles[i]);
    }
}

/* Read so many digits; -1 if there are others. */
static int32_t digits_at(Bytes p, int count) {
    int32_t number = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9') return -1;
        number = 10 * number + (p[i] - '0');
    }
    return number;
}

/* Return days since 1970 of a date `YYYY-MM-DD`; INT64_MIN if it is none. */
static int64_t days_at(Bytes p) {
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t year = digits_at(p, 4), month = digits_at(p + 5, 2), day = digits_at(p + 8, 2);
    if (p[4] != '-' || p[7] != '-' || year < 1 || month < 1 || month > 12 || day < 1) return INT64_MIN;
    int is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > lengths[month - 1] + (month == 2 && is_leap)) return INT64_MIN;
    /* Years that begin in March have their leap day last. */
    int32_t of_march = year - (month <= 2), months = (month + 9) % 12;
    return 365 * of_march + of_march / 4 - of_march / 100 + of_march / 400 + (153 * months + 2) / 5 + day - 1 - 719468;
}

/* Make a text `YYYY-MM-DD`, with `Thh:mm:ss` behind it or not (or a space for the T), up to nine decimals of which three
   count, and nothing, `Z` or an offset `±hh:mm`, milliseconds since 1970; 0 for any other. */
static int instant_at(Bytes p, Bytes end, int64_t *ms) {
    *ms = 0;
    end--;
    if (*p++ != '"' || end - p < 10) return 0;
    int64_t days = days_at(p), time = 0;
    if (days == INT64_MIN) return 0;
    if (end - p > 10) {
        if (end - p < 19 || (p[10] != 'T' && p[10] != ' ') || p[13] != ':' || p[16] != ':') return 0;
        int32_t hour = digits_at(p + 11, 2), minute = digits_at(p + 14, 2), second = digits_at(p + 17, 2);
        if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
        time = (hour * 3600 + minute * 60 + second) * 1000;
        p += 19;
        if (p < end && *p == '.') {
            int32_t unit = 100;
            Bytes first = ++p;
            for (; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10) time += unit * (*p - '0');
            if (p == first || p - first > 9) return 0;
        }
        if (p < end && *p == 'Z') {
            p++;
        } else if (p < end) {
            if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') return 0;
            int32_t hours = digits_at(p + 1, 2), minutes = digits_at(p + 4, 2);
            if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return 0;
            time += (*p == '-' ? 1 : -1) * (hours * 60 + minutes) * 60000;
            p += 6;
        }
        if (p != end) return 0;
    }
    *ms = days * 86400000 + time;
    return 1;
}

/* Make texts instants, in milliseconds since 1970. */
void read_instants(const Values *v, int64_t *ms) {
    for (int64_t i = 0; i < v->count; i++) {
        ms[i] = 0;
        if (v->starts[i] < 0) continue;
        v->certain[i] = instant_at(v->data + v->starts[i], v->data + v->ends[i], &ms[i]);
    }
}

/* Plain columns ---------------------------------------------------------------------------------------------------- */

enum { UNITS = JSON + 1, DOUBLES, INSTANTS, WAY };

/* A column that is read from one value of each element, which `number` tells from the others, -1 for the element itself.
   Its `values` lie in the output from there on, of texts also where they end, and for each a bit that says that it is
   not null; `size` is their bytes. `doubts` counts what the caller has to judge. A WAY is no column: values that are
   looked through have to be objects, or empty. */
typedef struct {
    int32_t number, kind, shift, is_required;
    Rounding rounding;
    int64_t values, ends, valid, size, nulls, doubts;
} Column;

/* Columns of the same elements: of those of a level that `members` numbers, -1 for none. */
typedef struct {
    Bytes data;
    const int32_t *spans, *starts, *ends;
    const int64_t *members;
    Column *columns;
    uint8_t *out;
    int64_t count, columns_count, width;
} Columns;

/* Find the value of a column in an element; 0 where it has none. */
static inline int find_value(const Columns *c, const Column *column, int64_t i, Bytes *p, Bytes *end) {
    int64_t element = c->members[i];
    if (element < 0) return 0;
    const int32_t *span = c->spans + 2 * (element * c->width + column->number);
    int32_t start = column->number < 0 ? c->starts[element] : span[0];
    if (start < 0) return 0;
    *p = c->data + start;
    *end = c->data + (column->number < 0 ? c->ends[element] : span[1]);
    /* Of the others none is null. */
    return column->number >= 0 || **p != 'n';
}

enum { ALIGNED = 64, MOST_WRITTEN_BEHIND = sizeof(Block) };

static int64_t aligned(int64_t size) { return (size + ALIGNED - 1) / ALIGNED * ALIGNED; }

/* Lay out the columns, and return how many bytes they take. */
int64_t measure_columns(const Columns *c) {
    int64_t room = 0;
    for (Column *column = c->columns; column < c->columns + c->columns_count; column++) {
        if (column->kind == WAY) continue;
        int64_t size = 8 * c->count;
        if (column->kind <= JSON) {
            Bytes p, end;
            size = MOST_WRITTEN_BEHIND;
            for (int64_t i = 0; i < c->count; i++)
                if (find_value(c, column, i, &p, &end)) size += end - p;
        }
        column->values = room;
        column->ends = room + aligned(size);
        column->valid = column->ends + (column->kind <= JSON ? aligned(4 * (c->count + 1)) : 0);
        room = column->valid + aligned((c->count + 7) / 8);
    }
    return room;
}

/* Whether a program wrote that there is nothing: an empty text or list, or false. */
static inline int is_empty(Bytes p, Bytes end) { return (end - p == 2 && (*p == '"' || *p == '[')) || *p == 'f'; }

/* Look whether all values that are looked through are objects, or empty. */
static void look_through(const Columns *c, Column *column) {
    for (int64_t i = 0; i < c->count; i++) {
        Bytes p, end;
        column->doubts += find_value(c, column, i, &p, &end) && *p != '{' && !is_empty(p, end);
    }
}

/* Write the columns where `measure_columns` has laid them out. */
void read_columns(const Columns *c) {
    for (Column *column = c->columns; column < c->columns + c->columns_count; column++) {
        if (column->kind == WAY) {
            look_through(c, column);
            continue;
        }
        Out text = c->out + column->values, begin = text;
        int64_t *units = (int64_t *)(c->out + column->values);
        double *doubles = (double *)(c->out + column->values);
        int32_t *ends = (int32_t *)(c->out + column->ends);
        uint8_t *valid = c->out + column->valid, bits = 0;
        if (column->kind <= JSON) *ends++ = 0;
        for (int64_t i = 0; i < c->count; i++) {
            Bytes p = 0, end = 0;
            int has = find_value(c, column, i, &p, &end), is_certain = 1;
            if (column->kind <= JSON) {
                Out written = has ? put_text(text, p, end, column->kind) : text;
                is_certain = written != 0;
                if (written) text = written;
                ends[i] = (int32_t)(text - begin);
            } else if (!has) {
                units[i] = 0;
            } else if (column->kind == UNITS) {
                is_certain = unit_at(p, end, column->shift, column->rounding, &units[i]);
            } else if (column->kind == DOUBLES) {
                is_certain = double_at(p, end, &doubles[i]);
            } else {
                is_certain = instant_at(p, end, &units[i]);
            }
            int is_absent = column->is_required && (!has || (*p == '"' && end - p == 2));
            column->doubts += is_absent || !is_certain;
            column->nulls += !has;
            bits |= (uint8_t)(has << i % 8);
            if (i % 8 == 7 || i + 1 == c->count) {
                *valid++ = bits;
                bits = 0;
            }
        }
        column->size = column->kind <= JSON ? text - begin : 8 * c->count;
    }
}

/* Columns on the rows that their elements enclose ------------------------------------------------------------------ */

/* An Arrow column, whose first value lies behind `offset` others: texts between their `ends`, of which `width` is -1, or
   values of so many bytes, 0 for a bit; `valid` is null where all are. Behind it, where it lies in the output, as `Column` has it. */
typedef struct {
    Bytes values;
    const int32_t *ends;
    Bytes valid;
    int64_t offset, width;
    int64_t made_values, made_ends, made_valid, size, nulls;
} Source;

/* Columns of a level, and which of its elements each row is of, or -1. */
typedef struct {
    Source *sources;
    const int64_t *elements;
    uint8_t *out;
    int64_t count, sources_count;
} Repeat;

static inline int is_text(const Source *source) { return source->width < 0; }

static inline int is_set(Bytes bits, int64_t i) { return bits[i / 8] >> i % 8 & 1; }

/* Copy bytes, and nothing before or behind them. */
static inline void copy(Out out, Bytes from, int64_t size) {
    enum { BLOCK = sizeof(Block), WORD = sizeof(uint64_t) };
    if (size >= BLOCK) {
        for (int64_t i = 0; i < size; i += BLOCK) {
            int64_t at = i + BLOCK <= size ? i : size - BLOCK;
            Block block = block_at(from + at);
            __builtin_memcpy(out + at, &block, sizeof block);
        }
    } else if (size >= WORD) {
        uint64_t first = load(from), last = load(from + size - WORD);
        store(out, first);
        store(out + size - WORD, last);
    } else {
        for (int64_t i = 0; i < size; i++) out[i] = from[i];
    }
}

/* Lay out the columns of the rows, and return how many bytes they take; -1 where texts are too many for 32 bits. */
int64_t measure_rows(const Repeat *r) {
    int64_t room = 0;
    for (Source *source = r->sources; source < r->sources + r->sources_count; source++) {
        int64_t size = source->width ? source->width * r->count : (r->count + 7) / 8;
        if (is_text(source)) {
            size = 0;
            for (int64_t i = 0; i < r->count; i++) {
                int64_t at = r->elements[i] + source->offset;
                if (r->elements[i] >= 0) size += source->ends[at + 1] - source->ends[at];
            }
            if (size > INT32_MAX) return -1;
        }
        source->made_values = room;
        source->made_ends = room + aligned(size);
        source->made_valid = source->made_ends + (is_text(source) ? aligned(4 * (r->count + 1)) : 0);
        room = source->made_valid + aligned((r->count + 7) / 8);
    }
    return room;
}

/* Write the columns of the rows where `measure_rows` has laid them out. */
void repeat_values(const Repeat *r) {
    for (Source *source = r->sources; source < r->sources + r->sources_count; source++) {
        Out values = r->out + source->made_values, begin = values;
        int32_t *ends = (int32_t *)(r->out + source->made_ends);
        uint8_t *valid = r->out + source->made_valid, bits = 0, flags = 0;
        if (is_text(source)) *ends++ = 0;
        for (int64_t i = 0; i < r->count; i++) {
            int64_t at = r->elements[i] + source->offset;
            int has = r->elements[i] >= 0;
            if (is_text(source)) {
                int32_t start = has ? source->ends[at] : 0, size = has ? source->ends[at + 1] - start : 0;
                copy(values, source->values + start, size);
                values += size;
                ends[i] = (int32_t)(values - begin);
            } else if (source->width == 8) {
                store(values, has ? load(source->values + 8 * at) : 0);
                values += 8;
            } else if (source->width == 4) {
                int32_t value = 0;
                if (has) __builtin_memcpy(&value, source->values + 4 * at, 4);
                __builtin_memcpy(values, &value, 4);
                values += 4;
            } else {
                flags |= (uint8_t)((has && is_set(source->values, at)) << i % 8);
            }
            has = has && (!source->valid || is_set(source->valid, at));
            source->nulls += !has;
            bits |= (uint8_t)(has << i % 8);
            if (i % 8 == 7 || i + 1 == r->count) {
                *valid++ = bits;
                if (!source->width) *values++ = flags;
                bits = flags = 0;
            }
        }
        source->size = values - begin;
    }
}

/* Rows by month ---------------------------------------------------------------------------------------------------- */

/* Rows are cut by month into pieces, which wait until they make a row group and are then joined. A piece begins with its
   head: how many rows it has, and of each column how many bytes its values take and how many are null. Then each column
   has which of its values are there, if any is null; of texts how long each is; and the values. All of these begin at a
   multiple of a word. */
enum { WORD_BYTES = sizeof(int64_t), ROWS = 0, SIZES = 1, NULLS = 2, HEAD_STEP = 2 };

static int64_t head_words(int64_t columns_count) { return 1 + HEAD_STEP * columns_count; }

static int64_t in_words(int64_t size) { return (size + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES; }

static int64_t bits_size(int64_t count) { return (count + 7) / 8; }

static int64_t lengths_size(const Source *column, int64_t count) {
    return is_text(column) ? in_words(count * (int64_t)sizeof(int32_t)) : 0;
}

static void clear(Out out, int64_t size) {
    for (int64_t i = 0; i < size; i++) out[i] = 0;
}

/* Rows that are cut: their columns, and which of the months that occur each row is of. `order` has room for the numbers of
   the rows, `ends` of the months, `heads` for the head of each month's piece, and `pieces` says where these lie. */
typedef struct {
    const Source *sources;
    const int32_t *months;
    int32_t *order;
    int64_t *ends, *heads, *rooms;
    const Out *pieces;
    int64_t rows, columns_count, months_count;
} Cut;

/* Put the rows of each month one behind the other, write the heads, and tell how many bytes the pieces take. */
void measure_cut(const Cut *c) {
    int64_t words = head_words(c->columns_count), end = 0;
    for (int64_t month = 0; month < c->months_count; month++) c->ends[month] = 0;
    for (int64_t i = 0; i < c->rows; i++) c->ends[c->months[i]]++;
    for (int64_t month = 0; month < c->months_count; month++) {
        int64_t rows = c->heads[month * words + ROWS] = c->ends[month];
        c->ends[month] = end;
        end += rows;
    }
    for (int64_t i = 0; i < c->rows; i++) c->order[c->ends[c->months[i]]++] = (int32_t)i;
    for (int64_t month = 0; month < c->months_count; month++) {
        int64_t *head = c->heads + month * words, rows = head[ROWS], room = words * WORD_BYTES;
        const int32_t *order = c->order + c->ends[month] - rows;
        for (int64_t number = 0; number < c->columns_count; number++) {
            const Source *source = &c->sources[number];
            int64_t size = source->width ? source->width * rows : bits_size(rows), nulls = 0;
            if (is_text(source)) {
                const int32_t *ends = source->ends + source->offset;
                size = 0;
                for (int64_t i = 0; i < rows; i++) size += ends[order[i] + 1] - ends[order[i]];
            }
            for (int64_t i = 0; source->valid && i < rows; i++) nulls += !is_set(source->valid, source->offset + order[i]);
            head[SIZES + HEAD_STEP * number] = size;
            head[NULLS + HEAD_STEP * number] = nulls;
            room += (nulls ? in_words(bits_size(rows)) : 0) + lengths_size(source, rows) + in_words(size);
        }
        c->rooms[month] = room + MOST_WRITTEN_BEHIND;
    }
}

/* Write the bits of some rows, and return what is behind them. */
static Out cut_bits(Bytes bits, int64_t offset, const int32_t *order, int64_t rows, Out out) {
    for (int64_t i = 0; i < rows; i += 8) {
        int byte = 0;
        for (int64_t k = 0; k < 8 && i + k < rows; k++) byte |= is_set(bits, offset + order[i + k]) << k;
        *out++ = (uint8_t)byte;
    }
    return out;
}

/* Write the texts of some rows behind their lengths, and return what is behind them; `last` is the number of the last of
   all rows. */
static Out cut_texts(const Source *source, const int32_t *order, int64_t rows, int64_t last, Out out) {
    enum { BLOCK = sizeof(Block) };
    const int32_t *ends = source->ends + source->offset;
    int32_t limit = ends[last + 1] - BLOCK;
    Out lengths = out;
    out += lengths_size(source, rows);
    for (int64_t i = 0; i < rows; i++) {
        int32_t start = ends[order[i]], size = ends[order[i] + 1] - start;
        if (size <= BLOCK && start <= limit) {
            /* What stands behind it is written later. */
            Block block = block_at(source->values + start);
            __builtin_memcpy(out, &block, sizeof block);
        } else {
            copy(out, source->values + start, size);
        }
        __builtin_memcpy(lengths + 4 * i, &size, sizeof size);
        out += size;
    }
    return out;
}

/* Write the pieces, which `measure_cut` has measured. */
void cut_rows(const Cut *c) {
    int64_t words = head_words(c->columns_count);
    for (int64_t month = 0; month < c->months_count; month++) {
        const int64_t *head = c->heads + month * words;
        int64_t rows = head[ROWS];
        const int32_t *order = c->order + c->ends[month] - rows;
        Out out = c->pieces[month];
        copy(out, (Bytes)head, words * WORD_BYTES);
        out += words * WORD_BYTES;
        for (int64_t number = 0; number < c->columns_count; number++) {
            const Source *source = &c->sources[number];
            Out begin = out;
            if (head[NULLS + HEAD_STEP * number])
                out = begin += in_words(cut_bits(source->valid, source->offset, order, rows, out) - out);
            if (is_text(source)) {
                out = cut_texts(source, order, rows, c->rows - 1, out);
            } else if (source->width == 8) {
                Bytes values = source->values + 8 * source->offset;
                for (int64_t i = 0; i < rows; i++, out += 8) store(out, load(values + 8 * (int64_t)order[i]));
            } else if (source->width == 4) {
                Bytes values = source->values + 4 * source->offset;
                for (int64_t i = 0; i < rows; i++, out += 4) __builtin_memcpy(out, values + 4 * (int64_t)order[i], 4);
            } else {
                out = cut_bits(source->values, source->offset, order, rows, out);
            }
            out = begin + in_words(out - begin);
        }
    }
}

/* Pieces that are joined: of the columns only their widths are given. `starts` is where in each piece the next column
   begins. */
typedef struct {
    Source *columns;
    const Bytes *pieces;
    int64_t *starts;
    Out out;
    int64_t pieces_count, columns_count, rows;
} Pieces;

static int64_t in_head(const Pieces *p, int64_t piece, int64_t word) {
    int64_t value;
    __builtin_memcpy(&value, p->pieces[piece] + word * WORD_BYTES, sizeof value);
    return value;
}

/* Lay out the columns of all rows, and return how many bytes they take; -1 where texts are too many for 32 bits. */
int64_t measure_pieces(Pieces *p) {
    int64_t room = 0;
    p->rows = 0;
    for (int64_t piece = 0; piece < p->pieces_count; piece++) p->rows += in_head(p, piece, ROWS);
    for (int64_t number = 0; number < p->columns_count; number++) {
        Source *column = &p->columns[number];
        column->size = column->nulls = 0;
        for (int64_t piece = 0; piece < p->pieces_count; piece++) {
            column->size += in_head(p, piece, SIZES + HEAD_STEP * number);
            column->nulls += in_head(p, piece, NULLS + HEAD_STEP * number);
        }
        if (!column->width) column->size = bits_size(p->rows);
        if (is_text(column) && column->size > INT32_MAX) return -1;
        column->made_values = room;
        column->made_ends = room + aligned(column->size);
        column->made_valid = column->made_ends + (is_text(column) ? aligned(4 * (p->rows + 1)) : 0);
        room = column->made_valid + aligned(column->nulls ? bits_size(p->rows) : 0);
    }
    return room;
}

/* Set those bits behind the first `at` that are set in `from`, all of them where that is null. */
static void put_bits(Out bits, int64_t at, Bytes from, int64_t count) {
    int64_t shift = at % 8;
    bits += at / 8;
    for (int64_t i = 0; i < count; i += 8, bits++) {
        int byte = from ? from[i / 8] : 0xff;
        if (count - i < 8) byte &= (1 << (count - i)) - 1;
        bits[0] |= (uint8_t)(byte << shift);
        if (byte >> (8 - shift)) bits[1] |= (uint8_t)(byte >> (8 - shift));
    }
}

/* Write the columns of all rows where `measure_pieces` has laid them out. */
void join_pieces(const Pieces *p) {
    for (int64_t piece = 0; piece < p->pieces_count; piece++) p->starts[piece] = head_words(p->columns_count) * WORD_BYTES;
    for (int64_t number = 0; number < p->columns_count; number++) {
        const Source *column = &p->columns[number];
        Out values = p->out + column->made_values, ends = p->out + column->made_ends, valid = p->out + column->made_valid;
        int32_t end = 0;
        int64_t row = 0;
        if (is_text(column)) __builtin_memcpy(ends, &end, sizeof end);
        if (column->nulls) clear(valid, bits_size(p->rows));
        if (!column->width) clear(values, column->size);
        for (int64_t piece = 0; piece < p->pieces_count; piece++) {
            Bytes from = p->pieces[piece] + p->starts[piece];
            int64_t rows = in_head(p, piece, ROWS), size = in_head(p, piece, SIZES + HEAD_STEP * number);
            int64_t valid_size = in_head(p, piece, NULLS + HEAD_STEP * number) ? in_words(bits_size(rows)) : 0;
            if (column->nulls) put_bits(valid, row, valid_size ? from : 0, rows);
            from += valid_size;
            for (int64_t i = 0; is_text(column) && i < rows; i++) {
                int32_t length;
                __builtin_memcpy(&length, from + 4 * i, sizeof length);
                end += length;
                ends += sizeof end;
                __builtin_memcpy(ends, &end, sizeof end);
            }
            from += lengths_size(column, rows);
            if (column->width) {
                copy(values, from, size);
                values += size;
            } else {
                put_bits(values, row, from, rows);
            }
            p->starts[piece] = from + in_words(size) - p->pieces[piece];
            row += rows;
        }
    }
}

/* Unnamed fields --------------------------------------------------------------------------------------------------- */

/* What is read of the fields of a node: their values may be objects, or lists of rows, whose own fields are looked at. */
enum { IS_KNOWN = 1, HAS_KEYS = 2, HAS_ROWS = 4 };

/* All fields, and of which kinds those of each node are. */
typedef struct {
    Bytes data;
    const Field *fields;
    const uint8_t *kinds;
    uint8_t *kept;
    int64_t *lists;
    int64_t count, recorded_count;
} Choice;

/* Tell in `kept` which fields are unnamed ones, with all that is in them: those without a node, or whose node is only
   looked at, which `recorded_count` counts, and values of other kinds than their node's. An empty text or list and false
   are an object without members. Return how many `lists` of rows there are. */
int64_t choose_fields(Choice *c) {
    int64_t lists = 0;
    for (int64_t i = 0; i < c->count; i++) {
        const Field *field = &c->fields[i];
        uint8_t kind = field->child < 0 ? 0 : c->kinds[field->child];
        c->kept[i] = 1;
        if (!(kind & IS_KNOWN)) {
            c->recorded_count += field->child >= 0;
            continue;
        }
        Bytes value = c->data + field->start;
        if (kind & HAS_ROWS) {
            c->kept[i] = 0;
            if (*value == '{' || *value == '[') c->lists[lists++] = i;
        } else {
            int is_object = *value == '{' || is_empty(value, c->data + field->end);
            c->kept[i] = *value != 'n' && !((kind & HAS_KEYS) && is_object);
        }
    }
    return lists;
}

/* The fields that are kept, and by node the level that its values are numbered with; `levels` tells of each element of
   the one that is asked for whether its fields are to be had, all where it is null. */
typedef struct {
    const Field *fields;
    const uint8_t *kept, *levels;
    const int32_t *counting;
    const int64_t *prefix_sizes;
    int64_t *order;
    int64_t count, room, odd_count;
    int32_t root, padding;
} Order;

/* Put the kept fields of one level in `order`, and return how many there are: `room` says how many bytes they take at most
   as `join_fields` writes them, and `odd_count` how many have keys that are not plain. */
int64_t order_fields(Order *o) {
    int64_t found = 0;
    for (int64_t i = 0; i < o->count; i++) {
        const Field *field = &o->fields[i];
        if (!o->kept[i] || o->counting[field->node] != o->root || (o->levels && !o->levels[field->element])) continue;
        o->order[found++] = i;
        o->room += field->end - field->start + field->key_length + 2 + o->prefix_sizes[field->node];
        o->odd_count += !field->is_plain;
    }
    return found;
}

/* Fields that are unnamed ones, `order` of all, which is that of their elements. Before a value stands a comma, the path
   of its object and its key: `prefixes` has what stands before a plain key by node, `literals` whole ones for the
   fields whose `literal` is not -1. Values that are not as sent are in `replaced`. Without literals, or replacements, the
   arrays of their numbers are null. */
typedef struct {
    Bytes data;
    const Field *fields;
    const int64_t *order;
    Bytes prefixes, literals, replaced;
    const int32_t *prefix_ends, *literal_ends, *replaced_ends, *literal, *replacement;
    const int64_t *documents;
    uint8_t *sound, *out;
    int32_t *ends;
    Names *names;
    Known *known;
    int64_t count, elements;
} Join;

static Out put_part(Out out, Bytes from, const int32_t *ends, int32_t number, int32_t skipped) {
    return put(out, from, (number ? ends[number - 1] : 0) + skipped, ends[number]);
}

/* Write the unnamed fields of each element one behind the other; return how many bytes they take. Clears `sound` for
   documents with a value that cannot be written, and notes names. */
int64_t join_fields(const Join *j) {
    int64_t i = 0;
    Out out = j->out;
    for (int64_t element = 0; element < j->elements; element++) {
        Out begin = out;
        for (; i < j->count && j->fields[j->order[i]].element == element; i++) {
            const Field *field = &j->fields[j->order[i]];
            Known *known = field->known < 0 ? 0 : &j->known[field->known];
            if (field->child < 0 && !(known && known->is_noted)) {
                uint64_t hash = hash_key(j->data + field->key_start, field->key_length);
                int is_noted = note(j->names, field->node, hash, field->key_start, field->key_length);
                if (known) known->is_noted = is_noted & 1;
            }
            /* The first field of an element goes without the comma. */
            int32_t skipped = out == begin;
            if (j->literal && j->literal[i] >= 0) {
                out = put_part(out, j->literals, j->literal_ends, j->literal[i], skipped);
            } else {
                out = put_part(out, j->prefixes, j->prefix_ends, field->node, skipped);
                out = put(out, j->data, field->key_start, field->key_start + field->key_length);
                *out++ = '"', *out++ = ':';
            }
            Bytes from = j->data;
            int32_t start = field->start, end = field->end, replacement = j->replacement ? j->replacement[i] : -1;
            if (replacement >= 0) {
                from = j->replaced;
                start = replacement ? j->replaced_ends[replacement - 1] : 0;
                end = j->replaced_ends[replacement];
            }
            Out value = field->is_compact ? put(out, from, start, end) : copy_json(from + start, from + end, out);
            if (value) out = value;
            else j->sound[j->documents[element]] = 0;
        }
        j->ends[element] = (int32_t)(out - j->out);
    }
    return out - j->out;
}

/* The unnamed fields of a level's elements, one behind the other, and which element each row is of, or -1. */
typedef struct {
    Bytes data;
    const int32_t *offsets;
    const int64_t *elements;
} Part;

static int32_t joined_bytes(const Part *part, int64_t row) {
    int64_t element = part->elements[row];
    return element < 0 ? 0 : part->offsets[element + 1] - part->offsets[element];
}

/* Return how many bytes `join_rows` writes. */
int64_t measure_joined(const Part *parts, int64_t parts_count, int64_t rows) {
    int64_t size = 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t fields = 0;
        for (int64_t i = 0; i < parts_count; i++) {
            int32_t bytes = joined_bytes(&parts[i], row);
            fields += bytes ? bytes + 1 : 0;
        }
        size += fields ? fields + 1 : 0;
    }
    return size;
}

/* Write the unnamed fields of each row as one object, nothing where it has none: those of the elements that it is of. */
void join_rows(const Part *parts, int64_t parts_count, int64_t rows, uint8_t *out, int32_t *ends) {
    Out start = out;
    for (int64_t row = 0; row < rows; row++) {
        Out begin = out;
        for (int64_t i = 0; i < parts_count; i++) {
            int64_t element = parts[i].elements[row];
            int32_t size = joined_bytes(&parts[i], row);
            if (!size) continue;
            *out = out == begin ? '{' : ',';
            copy(out + 1, parts[i].data + parts[i].offsets[element], size);
            out += size + 1;
        }
        if (out > begin) *out++ = '}';
        ends[row] = (int32_t)(out - start);
    }
}

/* Whether a text holds a phrase of at least two bytes. */
int32_t holds(Bytes text, int64_t length, Bytes phrase, int64_t size) {
    uint8_t first = phrase[0], second = phrase[1], last = phrase[size - 1];
    int64_t end = length - size + 1;
    for (int64_t i = 0; i < end; i += (int64_t)sizeof(Block)) {
        uint64_t found;
        if (end - i >= (int64_t)sizeof(Block)) {
            Block firsts = block_at(text + i), seconds = block_at(text + i + 1), lasts = block_at(text + i + size - 1);
            found = bits_of((Block)(firsts == first) & (Block)(seconds == second) & (Block)(lasts == last));
        } else {
            /* All of them may be. */
            found = ((uint64_t)1 << (end - i) * BITS_A_BYTE) - 1;
        }
        for (; found; found &= ~((((uint64_t)2 << (BITS_A_BYTE - 1)) - 1) << first_of(found) * BITS_A_BYTE)) {
            int64_t at = i + first_of(found), k = 0;
            while (k < size && text[at + k] == phrase[k]) k++;
            if (k == size) return 1;
        }
    }
    return 0;
}

/* UTF-8 ------------------------------------------------------------------------------------------------------------ */

/* Each byte is judged with the three before it. Tables by the halves of a byte and the first half of the next one have a
   bit for each way in which two bytes cannot follow each other: where all three have it, that is so. The third and fourth
   byte of a character are two that are no beginnings, which is right behind those that announce them and nowhere else.
   The algorithm is that of Keiser and Lemire, https://arxiv.org/abs/2010.03090. */
enum {
    TOO_SHORT = 1 << 0,    /* a character begins inside of another */
    TOO_LONG = 1 << 1,     /* what is no beginning follows ASCII */
    OVERLONG_3 = 1 << 2,   /* more bytes than its character needs */
    TOO_LARGE = 1 << 3,    /* beyond U+10FFFF */
    SURROGATE = 1 << 4,
    OVERLONG_2 = 1 << 5,
    OVERLONG_4 = 1 << 6,   /* or too large, with a second byte from 80 to 8F */
    TWO_MORE = 1 << 7,     /* two that are no beginnings */
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_MORE,
    LARGE_LOW = ANY_LOW | TOO_LARGE | OVERLONG_4,
    MORE = TOO_LONG | OVERLONG_2 | TWO_MORE,
};

static const Block FIRST_HIGH = {
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_MORE, TWO_MORE, TWO_MORE, TWO_MORE,
    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4,
};
static const Block FIRST_LOW = {
    ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW, ANY_LOW | TOO_LARGE,
    LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW, LARGE_LOW,
    LARGE_LOW | SURROGATE, LARGE_LOW, LARGE_LOW,
};
static const Block SECOND_HIGH = {
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    MORE | OVERLONG_3 | OVERLONG_4, MORE | OVERLONG_3 | TOO_LARGE, MORE | SURROGATE | TOO_LARGE, MORE | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
};

/* Return what is wrong with the bytes of a block, none where nothing is; `before` is the block before it. */
static inline WITH_LOOKUPS Block wrong_in(Block block, Block before) {
    Block one = __builtin_shufflevector(before, block, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
    Block two = __builtin_shufflevector(before, block, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
    Block three = __builtin_shufflevector(before, block, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
    Block wrong = look_up(FIRST_HIGH, one >> 4) & look_up(FIRST_LOW, one & 15) & look_up(SECOND_HIGH, block >> 4);
    Block is_third = (Block)(two >= 0xE0), is_fourth = (Block)(three >= 0xF0);
    return ((is_third | is_fourth) & TWO_MORE) ^ wrong;
}

/* Whether a text is UTF-8; -1 where this processor cannot tell. */
WITH_LOOKUPS int32_t is_utf8(Bytes text, int64_t size) {
    if (!has_lookups()) return -1;
    enum { BLOCK = sizeof(Block), STEP = 4 * BLOCK };
    Block wrong = {0}, before = {0};
    int64_t i = 0;
    for (; i + STEP <= size; i += STEP) {
        Block a = block_at(text + i), b = block_at(text + i + BLOCK);
        Block c = block_at(text + i + 2 * BLOCK), d = block_at(text + i + 3 * BLOCK);
        if (!is_ascii(a | b | c | d | before)) {
            wrong |= wrong_in(a, before) | wrong_in(b, a) | wrong_in(c, b) | wrong_in(d, c);
        }
        before = d;
    }
    /* Behind the last byte stand zeros, so that a character which is cut off is too short. */
    for (int is_last = 0; !is_last; i += BLOCK) {
        is_last = i + BLOCK > size;
        uint8_t rest[BLOCK] = {0};
        for (int64_t k = 0; k < BLOCK && i + k < size; k++) rest[k] = text[i + k];
        Block block = block_at(rest);
        wrong |= wrong_in(block, before);
        before = block;
    }
    return any_of(wrong) == 0;
}
