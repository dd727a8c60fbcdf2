
/*
 * What the parent makes of it.
 */
/*% if .Data %*/

static void name_of(char *to, size_t size, uint32_t writer)
{
	if (writer)
		snprintf(to, size, "%s", requests[writer - 1].name);
	else
		snprintf(to, size, "the beginning");
}

/* wrote reports whether request i is known to have written the line at place. */
static int wrote(int i, uint64_t place)
{
	const struct request *r = &requests[i];
	const struct seen *s = &shared->seen[i];

	return writes(r) && on_storage(i) && s->submitted == 2 && s->events && s->res > 0 &&
	       place >= (uint64_t)r->offset && place + sizeof(struct line) <= (uint64_t)(r->offset + s->res);
}

/* may_be_writing reports whether request i may have written the line at place between two times. */
static int may_be_writing(int i, uint64_t place, unsigned long from, unsigned long to)
{
	const struct request *r = &requests[i];
	const struct seen *s = &shared->seen[i];

	return writes(r) && on_storage(i) && s->began && s->began < to && (!s->events || s->ended > from) &&
	       place >= (uint64_t)r->offset && place < (uint64_t)r->offset + r->bytes;
}

/*
 * check_line judges a line that was read from a place of the storage by a
 * read that began and ended at those times. who is the reader.
 */
static void check_line(const struct line *line, uint64_t place, unsigned long began, unsigned long read_ended, const char *who)
{
	const struct tag *t = &line->tags[0];
	char writer[64], later[64];
	const struct seen *s;

	for (int i = 1; i < 4; i++)
		if (memcmp(t, &line->tags[i], sizeof(*t))) {
			for (int k = 0; k < REQUESTS_USED; k++)
				if (may_be_writing(k, place, began, read_ended))
					return;
			violated("whole-sectors", "%s: the 64 bytes at %llu are a mixture, though nobody was writing there", who, (unsigned long long)place);
			return;
		}
	if (t->attempt != attempt || t->writer > REQUESTS_USED || (t->writer && !shared->seen[t->writer - 1].began)) {
		violated("no-thin-air", "%s: the 64 bytes at %llu begin with %08x %08x, which nobody has written", who, (unsigned long long)place, t->attempt, t->writer);
		return;
	}
	name_of(writer, sizeof(writer), t->writer);
	if (t->place != place) {
		violated("data-in-place", "%s: at %llu there is the data of %s for %llu", who, (unsigned long long)place, writer, (unsigned long long)t->place);
		return;
	}
	s = t->writer ? &shared->seen[t->writer - 1] : NULL;
	if (s && s->submitted == 3)
		violated("no-event-for-rejected", "%s: at %llu there is the data of %s, which io_submit has refused", who, (unsigned long long)place, writer);
	if (s && s->events && s->res == -EINTR)
		violated("cancelled-no-effect", "%s: at %llu there is the data of %s, which ended with -EINTR", who, (unsigned long long)place, writer);
	for (int i = 0; i < REQUESTS_USED; i++) {
		if (i + 1 == (int)t->writer || !wrote(i, place) || shared->seen[i].ended > began)
			continue;
		if (s && (!s->events || shared->seen[i].began < s->ended))
			continue;
		name_of(later, sizeof(later), i + 1);
		violated(read_ended == ~0ul ? "no-lost-write" : "fresh-reads", "%s: at %llu there is the data of %s, though %s wrote there later and had ended", who,
			 (unsigned long long)place, writer, later);
	}
}

/* check_storage reads everything back. */
static void check_storage(void)
{
	static unsigned char back[1 << 20] __attribute__((aligned(4096)));

	for (long long at = 0; at < STORAGE_BYTES; at += sizeof(back)) {
		size_t bytes = STORAGE_BYTES - at < (long long)sizeof(back) ? (size_t)(STORAGE_BYTES - at) : sizeof(back);

		if (pread(storage_fd, back, bytes, at) != (ssize_t)bytes) {
			printf("# read back: %s\n", strerror(errno));
			return;
		}
		for (size_t k = 0; k < bytes; k += sizeof(struct line))
			check_line((struct line *)(back + k), at + k, tick(), ~0ul, "read at the end");
	}
}
/*% end %*/

/* check_buffers looks at what requests have read, and at what nobody may have changed since. */
static void check_buffers(void)
{
	static const char *const rule[] = { [BY_EVENT] = "buffer-released", [BY_DESTROY] = "destroy-waits", [BY_EXIT] = "exit-waits" };

	for (int i = 0; i < REQUESTS_USED; i++) {
		const struct request *r = &requests[i];
		struct seen *s = &shared->seen[i];
		unsigned int done = s->res > 0 ? s->res : 0;

		for (unsigned int k = 0; s->released && k < buffer_bytes(r); k++)
			if (buffers[i][k] != RELEASED) {
				violated(rule[s->released], "byte %u of the buffer of %s was written to when nobody was allowed to any more", k, r->name);
				break;
			}
		if (!reads(r) || !s->copied || s->res % (int)sizeof(struct line))
			continue;
		for (unsigned int k = done; k < r->bytes; k++)
			if (copies[i][k] != UNREAD) {
				violated("result-matches-effect", "%s: its result is %ld, but byte %u of its buffer was written", r->name, s->res, k);
				break;
			}
		for (unsigned int k = 0; k + sizeof(struct line) <= done; k += sizeof(struct line)) {
			unsigned int left = 0;

			while (left < sizeof(struct line) && copies[i][k + left] == UNREAD)
				left++;
			if (left == sizeof(struct line)) {
				violated("result-matches-effect", "%s: its result is %ld, but byte %u of its buffer was left as it was", r->name, s->res, k);
				break;
			}
/*% if .Data %*/
			if (on_storage(i))
				check_line((struct line *)(copies[i] + k), r->offset + k, s->began, s->ended, r->name);
/*% end %*/
		}
	}
}

/* check_requests judges what is known of each request in the end. */
static void check_requests(void)
{
	for (int i = 0; i < REQUESTS_USED; i++)
		if (shared->seen[i].submitted == 3 && shared->seen[i].events)
			violated("no-event-for-rejected", "%s has an event, but io_submit has refused it", requests[i].name);
}

static const int many = 50;	/* requests: of more only the unusual ones are printed */

/* tell prints what became of the requests. */
static void tell(void)
{
	static const char *const fate[] = { "never submitted", "io_submit has not returned", "accepted", "refused" };

	for (int i = 0; i < REQUESTS_USED; i++) {
		const struct seen *s = &shared->seen[i];

		if (REQUESTS_USED > many && !s->told && s->submitted != 1 && !(s->submitted == 2 && (!s->events || s->res < 0)))
			continue;
		printf("# %s: %s", requests[i].name, requests[i].plain && s->submitted == 2 ? "returned" : fate[s->submitted]);
		if (s->told)
			printf(", cancelled (-EINPROGRESS)");
		if (s->events)
			printf(", result %ld", s->res);
		else if (s->submitted == 2)
			printf(", no event seen");
		printf("\n");
	}
	if (REQUESTS_USED > many)
		printf("# the other requests were refused, not submitted, or have ended well\n");
}
