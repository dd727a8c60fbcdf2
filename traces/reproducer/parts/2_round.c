/*
 * The program. A round is a process of its own, with contexts and files of
 * its own; the storage lasts.
 */

struct round {
	const char *name;
	int first, end;			/* requests */
	int threads_used, files_used, contexts_used, paths_used;
	void (*threads[THREADS])(void);
	int processors[THREADS];	/* to which each keeps: plus 1; 0: to none */
	struct file files[FILES];
	unsigned int slots[CONTEXTS];	/* nr_events of io_setup */
	struct path paths[PATHS];
	const struct identity *identity;
	enum ending ending;
};

static const struct round rounds[ROUNDS];

