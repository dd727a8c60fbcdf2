/*% if .Names %*/

/*
 * Directories, made and looked at by the parent.
 */

static struct stat at_first[PATHS];	/* st_ino 0: does not exist */
static int directories[FILES];

static void make_directories(const struct round *r)
{
	snprintf(base, sizeof(base), "%s/aiocheck-names-XXXXXX", directory);
	must(mkdtemp(base) ? 0 : -1, base);
	must(chmod(base, 0711), base);
	for (int f = 0; f < r->files_used; f++) {
		char path[4200];

		directories[f] = -1;
		if (r->files[f].kind != DIRECTORY)
			continue;
		snprintf(path, sizeof(path), "%s/d%d", base, f);
		must(mkdir(path, 0777), path);
		must(chmod(path, 0777), path);
		directories[f] = must(open(path, O_DIRECTORY | O_CLOEXEC), path);
	}
	memset(at_first, 0, sizeof(at_first));
	for (int n = 0; n < r->paths_used; n++) {
		const struct path *p = &r->paths[n];
		int d = directories[p->directory];
		char text[32];

		if (!p->kind)
			continue;
		snprintf(text, sizeof(text), "n%d", n);
		must(mknodat(d, text, (p->kind == 2 ? S_IFIFO : S_IFREG) | 0600, 0), text);
		if (geteuid() == 0)
			must(fchownat(d, text, p->uid, p->uid, 0), text);
		must(fchmodat(d, text, p->mode, 0), text);
		must(fstatat(d, text, &at_first[n], AT_SYMLINK_NOFOLLOW), text);
	}
}

/* check_names wants names that no request names to be as they were, and prints the others. */
static void check_names(const struct round *r, int print)
{
	for (int n = 0; n < r->paths_used; n++) {
		struct stat st = { 0 };
		char text[32];
		int touched = 0;

		snprintf(text, sizeof(text), "n%d", n);
		if (fstatat(directories[r->paths[n].directory], text, &st, AT_SYMLINK_NOFOLLOW))
			st.st_ino = 0;
		for (int i = r->first; i < r->end; i++)
			touched |= shared->seen[i].submitted && on_path(&requests[i]) &&
				   ((int)requests[i].path == n || (requests[i].op == RENAMEAT && (int)requests[i].new_path == n));
		if (!touched && st.st_ino != at_first[n].st_ino)
			violated("args-captured", "n%d in directory %u %s, though no request was submitted with it", n, r->paths[n].directory,
				 !st.st_ino ? "is gone" : at_first[n].st_ino ? "is another file" : "was made");
		if (print && (st.st_ino || at_first[n].st_ino))
			printf("# name n%d in directory %u: %s\n", n, r->paths[n].directory,
			       !st.st_ino ? "removed" : !at_first[n].st_ino ? "made" : st.st_ino == at_first[n].st_ino ? "as before" : "another file");
	}
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	remove(path);
	return 0;
}

/* remove_directories removes whatever the round has left there. */
static void remove_directories(const struct round *r)
{
	for (int f = 0; f < r->files_used; f++)
		if (directories[f] >= 0)
			close(directories[f]);
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
/*% end %*/
