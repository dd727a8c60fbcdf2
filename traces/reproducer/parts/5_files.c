
/*
 * Files and iocbs of a round, in its process.
 */

static int storage_fd = -1;	/* descriptor */
static const char *directory;	/* where files and directories are made */
static int ends[FILES][2];	/* descriptors: of the reading and of the writing end */
/*% if or .Closes .Drains %*/
static atomic_int end_closed[FILES][2];
/*% end %*/

static struct iocb iocbs[REQUESTS], *cb[REQUESTS];	/* cb: where a request's iocb really is */
static struct iovec_like { void *base; size_t bytes; } iovecs[SEGMENTS];
/*% if .Names %*/

static char base[4096];				/* has the directories */
static int path_fd[PATHS];			/* what requests transfer data to; -1: nothing */
struct renameat_info { int64_t old_dir; uint64_t old_path; int64_t new_dir; uint64_t new_path, flags; };
static struct { char path[4200], new_path[4200]; int dir, new_dir; struct renameat_info info; } named[REQUESTS];

/* aim writes the paths that request i names. */
static void aim(int i, unsigned int path, unsigned int new_path)
{
	const struct request *r = &requests[i];
	const unsigned int which[2] = { path, new_path };
	char *texts[2] = { named[i].path, named[i].new_path };
	int *dirs[2] = { &named[i].dir, &named[i].new_dir };

	for (int k = 0; k < 2; k++) {
		unsigned int d = round_now->paths[which[k]].directory;

		*dirs[k] = r->via == 0 ? ends[d][0] : AT_FDCWD;
		if (r->via < 2)
			snprintf(texts[k], 4200, "n%u", which[k]);
		else if (round_now->identity && round_now->identity->root)
			snprintf(texts[k], 4200, "/n%u", which[k]);
		else
			snprintf(texts[k], 4200, "%s/d%u/n%u", base, d, which[k]);
	}
	named[i].info = (struct renameat_info){ named[i].dir, (uintptr_t)named[i].path, named[i].new_dir, (uintptr_t)named[i].new_path, r->flags };
}
/*% end %*/

static void open_files(void)
{
/*% if .Names %*/
	char path[4200];

/*% end %*/
	for (int f = 0; f < round_now->files_used; f++) {
		const struct file *d = &round_now->files[f];
		int *e = ends[f];

		e[0] = e[1] = storage_fd;
		if (d->kind == PIPE) {
			must(pipe2(e, O_CLOEXEC | (d->nonblock ? O_NONBLOCK : 0)), "pipe2");
			if (d->pipe_size)
				must(fcntl(e[0], F_SETPIPE_SZ, d->pipe_size), "F_SETPIPE_SZ");
		} else if (d->kind == SOCKET) {
			must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (d->nonblock ? SOCK_NONBLOCK : 0), 0, e), "socketpair");
		} else if (d->kind == EVENTFD) {
			e[0] = e[1] = must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
/*% if .Names %*/
		} else if (d->kind == DIRECTORY) {
			snprintf(path, sizeof(path), "%s/d%d", base, f);
			e[0] = e[1] = must(open(path, O_DIRECTORY | O_CLOEXEC), path);
/*% end %*/
		}
	}
}

/* descriptor is what request i is on. */
static int descriptor(int i)
{
	const struct request *r = &requests[i];
/*% if .Names %*/
	if (file_of(i)->kind == DIRECTORY)
		return on_path(r) ? ends[r->file][0] : path_fd[r->path];
/*% end %*/
	return ends[r->file][!(reads(r) || (r->op == POLL && (r->offset & POLLIN)))];
}

/* split gives each iovec a piece of the buffer that O_DIRECT takes if it takes the whole. */
static void split(int i, struct iovec_like *v)
{
	unsigned int bytes = requests[i].bytes, n = requests[i].segments, unit = 64;

	if (bytes % 4096 == 0 && bytes / 4096 >= n)
		unit = 4096;
	else if (bytes % 512 == 0 && bytes / 512 >= n)
		unit = 512;
	for (unsigned int k = 0; k < n; k++) {
		size_t from = (size_t)(bytes / unit) * k / n * unit, to = (size_t)(bytes / unit) * (k + 1) / n * unit;

		v[k] = (struct iovec_like){ buffers[i] + from, to - from };
	}
}

static uint64_t data_of(int i) { return (uint64_t)attempt << 32 | (i + 1); }

/* prepare writes what the iocbs of the round say. */
static void prepare(void)
{
	struct iovec_like *v = iovecs;

	for (int i = round_now->first; i < round_now->end; i++) {
		const struct request *r = &requests[i];
		struct iocb *io = &iocbs[i];

		*io = (struct iocb){ .aio_data = data_of(i), .aio_lio_opcode = r->op };
		cb[i] = r->reuse ? cb[r->reuse - 1] : io;
/*% if .Names %*/
		if (on_path(r)) {
			aim(i, r->path, r->new_path);
			io->aio_fildes = named[i].dir;
			io->aio_buf = (uintptr_t)named[i].path;
			io->aio_offset = r->flags;
			if (r->op == OPENAT)
				io->aio_offset |= (int64_t)r->mode << 32;
			if (r->op == RENAMEAT) {
				io->aio_fildes = -1;
				io->aio_offset = 0;
				io->aio_buf = (uintptr_t)&named[i].info;
				io->aio_nbytes = sizeof(named[i].info);
			}
		} else
/*% end %*/
		io->aio_fildes = descriptor(i);
		if (r->op == POLL) {
			io->aio_buf = r->offset;
		} else if (r->op == PREADV || r->op == PWRITEV) {
			split(i, v);
			io->aio_buf = (uintptr_t)v;
			io->aio_nbytes = r->segments;
			io->aio_offset = r->offset;
			v += r->segments;
		} else if (reads(r) || writes(r) || r->op == READAHEAD) {
			io->aio_buf = r->op == READAHEAD ? 0 : (uintptr_t)buffers[i];
			io->aio_nbytes = r->bytes;
			io->aio_offset = r->offset;
		}
/*% if .Resfd %*/
		if (r->eventfd) {
			io->aio_flags = IOCB_FLAG_RESFD;
			io->aio_resfd = ends[r->eventfd][0];
		}
/*% end %*/
	}
}
