
/*
 * Buffers. Data is made of lines of 64 bytes, each of them four times the
 * same tag: the attempt, the request that wrote it (its number plus one; 0
 * for what is there at the beginning), and where it belongs.
 */

struct tag { uint32_t attempt, writer; uint64_t place; };
struct line { struct tag tags[4]; };

enum { UNREAD = 0xa5, RELEASED = 0xdb };	/* what fills a buffer before a read, and after its event */

static uint32_t attempt;
static unsigned char *buffers[REQUESTS], *copies[REQUESTS];

static void stamp(void *to, size_t bytes, uint32_t writer, uint64_t place)
{
	struct line *line = to;

	for (; bytes >= sizeof(*line); bytes -= sizeof(*line), place += sizeof(*line), line++)
		for (int i = 0; i < 4; i++)
			line->tags[i] = (struct tag){ attempt, writer, place };
}

static unsigned int buffer_bytes(const struct request *r)
{
	return r->op == READAHEAD ? 0 : r->bytes;
}

/* file_of is the file of request i in its round. */
static const struct file *file_of(int i)
{
	const struct round *r = rounds;

	while (i >= r->end)
		r++;
	return &r->files[requests[i].file];
}

static int on_storage(int i) { return file_of(i)->kind == STORAGE; }

static void map_buffers(void)
{
	size_t total = 4096;
	unsigned char *at;

	for (int i = 0; i < REQUESTS; i++)
		total += (requests[i].skew + buffer_bytes(&requests[i]) + 4095L) / 4096 * 4096;
	at = mmap(NULL, 2 * total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(at == MAP_FAILED ? -1 : 0, "mmap");
	for (int i = 0; i < REQUESTS; i++) {
		buffers[i] = at + requests[i].skew;
		copies[i] = at + total;
		at += (requests[i].skew + buffer_bytes(&requests[i]) + 4095L) / 4096 * 4096;
	}
}

static void fill_buffers(void)
{
	for (int i = 0; i < REQUESTS_USED; i++) {
		if (writes(&requests[i]))
			stamp(buffers[i], buffer_bytes(&requests[i]), i + 1, on_storage(i) ? requests[i].offset : 0);
		else
			memset(buffers[i], UNREAD, buffer_bytes(&requests[i]));
	}
}

/* release keeps what a request has read, and fills its buffer with what nobody may change. */
static void release(int i, int by)
{
	struct seen *s = &shared->seen[i];
	int unreleased = 0;

	if (!atomic_compare_exchange_strong(&s->released, &unreleased, BEING_RELEASED))
		return;
	if (by == BY_EVENT && reads(&requests[i])) {
		memcpy(copies[i], buffers[i], buffer_bytes(&requests[i]));
		s->copied = 1;
	}
	memset(buffers[i], RELEASED, buffer_bytes(&requests[i]));
	atomic_store(&s->released, by);
}
