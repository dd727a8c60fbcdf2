/*% if .Eventfds %*/

static void read_eventfd(int file)
{
	uint64_t value;

	if (read(ends[file][0], &value, sizeof(value)) == sizeof(value))
		atomic_fetch_add(&shared->taken[file], value);
}
/*% end %*/
/*% if .Signals %*/

static void signal_eventfd(int file)
{
	uint64_t one = 1;

	if (write(ends[file][1], &one, sizeof(one)) == sizeof(one))
		atomic_fetch_add(&shared->signals[file], 1);
}
/*% end %*/
/*% if .Plain %*/

/* transfer is a read or write by the thread itself. */
static void transfer(int i)
{
	const struct request *r = &requests[i];
	struct seen *s = &shared->seen[i];
	int fd = descriptor(i), storage_or_name = on_storage(i) || file_of(i)->kind == DIRECTORY;

	s->began = tick();
	atomic_store(&s->submitted, 1);
	atomic_store(&shared->in[me], reads(r) ? "read" : "write");
	if (storage_or_name)
		s->res = result(reads(r) ? pread(fd, buffers[i], r->bytes, r->offset) : pwrite(fd, buffers[i], r->bytes, r->offset));
	else
		s->res = result(reads(r) ? read(fd, buffers[i], r->bytes) : write(fd, buffers[i], r->bytes));
	atomic_store(&shared->in[me], NULL);
	s->ended = tick();
	atomic_store(&s->events, 1);
	atomic_store(&s->submitted, 2);
	legal(i, s->res);
	release(i, BY_EVENT);
}
/*% end %*/
/*% if .Closes %*/

/* close_end closes an end of a pipe or of a pair of sockets: 0 the reading one. */
static void close_end(int file, int end)
{
	if (!atomic_exchange(&end_closed[file][end], 1))
		close(ends[file][end]);
}
/*% end %*/
/*% if .NamedPlain %*/

/* operate is an operation on a name by the thread itself. */
static void operate(int i)
{
	const struct request *r = &requests[i];
	struct seen *s = &shared->seen[i];

	s->began = tick();
	atomic_store(&s->submitted, 1);
	if (r->op == OPENAT)
		s->res = result(syscall(SYS_openat, named[i].dir, named[i].path, r->flags, r->mode));
	else if (r->op == UNLINKAT)
		s->res = result(syscall(SYS_unlinkat, named[i].dir, named[i].path, r->flags));
	else
		s->res = result(syscall(SYS_renameat2, named[i].dir, named[i].path, named[i].new_dir, named[i].new_path, r->flags));
	s->ended = tick();
	atomic_store(&s->events, 1);
	atomic_store(&s->submitted, 2);
	if (r->op == OPENAT && s->res >= 0)
		opened(i, s->res);
}
/*% end %*/
/*% if .Stats %*/

/* look_at is a stat of a name. */
static void look_at(int path)
{
	char text[32];
	struct stat st;

	snprintf(text, sizeof(text), "n%d", path);
	fstatat(ends[round_now->paths[path].directory][0], text, &st, AT_SYMLINK_NOFOLLOW);
}
/*% end %*/
/*% if .Overwrites %*/

/* overwrite destroys what the iocb of a request says and points to, as a program may once io_submit has returned. */
static void overwrite(int i, unsigned int path)
{
	struct iocb *io = cb[i];

	io->aio_offset = 0;
	io->aio_resfd = -1;
	io->aio_fildes = -1;
/*% if .Names %*/
	if (on_path(&requests[i])) {
		aim(i, path, requests[i].new_path);
		if (requests[i].op != RENAMEAT)
			io->aio_fildes = named[i].dir;
		return;
	}
/*% end %*/
	(void)path;
	for (int k = 0; k < (int)requests[i].segments; k++)
		((struct iovec_like *)(uintptr_t)io->aio_buf)[k] = (struct iovec_like){ 0 };
	io->aio_buf = io->aio_nbytes = 0;
}
/*% end %*/
/*% if .Chdirs %*/

static void change_directory(int file)
{
	if (fchdir(ends[file][0]))
		perror("# fchdir");
}
/*% end %*/
/*% if .Freeze %*/

/* freeze keeps the file system of the storage from changing until thaw. */
static void freeze(void)
{
	if (ioctl(storage_fd, FIFREEZE, 0) == 0)
		atomic_store(&shared->frozen, 1);
}

static void thaw(void)
{
	if (ioctl(storage_fd, FITHAW, 0) == 0)
		atomic_store(&shared->frozen, 0);
}
/*% end %*/
/*% if .Exits %*/

static void leave(void) { syscall(SYS_exit_group, 0); }
/*% end %*/
/*% if .Kills %*/

static int killer;	/* descriptor: a byte makes the parent kill this process */

static void ask_to_be_killed(void)
{
	if (write(killer, "k", 1) != 1)
		_exit(KSFT_FAIL);
}
/*% end %*/

/*
 * The program's threads.
 */

