package io.lmcache.chunkfiles;

import io.lmcache.api.ChunkKey;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.io.IoThreads;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

/**
 * Finds how long a prefix is on disk. Chunks that are known cost nothing; for the others the directory is asked, in
 * batches of 1, 2, 4 and so on at a time: a miss costs few system calls, and a long hit waits for a slow file system only
 * a few times. Thread-safe.
 */
final class PrefixProbe {
    private final ChunkDirectory directory;
    private final IoThreads threads;

    /** A probe that asks on these threads. */
    PrefixProbe(ChunkDirectory directory, IoThreads threads) {
        this.directory = directory;
        this.threads = threads;
    }

    /** As far as memory goes; beyond that, the directory is asked. */
    CompletableFuture<Integer> length(List<ChunkKey> keys) {
        return length(keys, this::isKnown, 0, 1);
    }

    /** By the directory alone. As many chunks as memory knows are asked for at once: most likely all of them are there. */
    CompletableFuture<Integer> confirmedLength(List<ChunkKey> keys) {
        int known = firstOther(keys, this::isKnown, 0);
        return length(keys, _ -> false, 0, Math.clamp(known, 1, threads.threads()));
    }

    private boolean isKnown(ChunkKey key) {
        return directory.locate(key).filter(directory::isKnown).isPresent();
    }

    private CompletableFuture<Integer> length(List<ChunkKey> keys, Predicate<ChunkKey> isKnown, int done, int batch) {
        int from = firstOther(keys, isKnown, done);
        if (from == keys.size()) {
            return CompletableFuture.completedFuture(from);
        }
        int begin = from;
        int end = Math.min(keys.size(), begin + batch);
        return present(keys.subList(begin, end), isKnown).thenCompose(present -> {
            int length = begin + present;
            return length < end
                    ? CompletableFuture.completedFuture(length)
                    : length(keys, isKnown, end, Math.min(2 * batch, threads.threads()));
        });
    }

    private static int firstOther(List<ChunkKey> keys, Predicate<ChunkKey> isKnown, int from) {
        int index = from;
        while (index < keys.size() && isKnown.test(keys.get(index))) {
            index++;
        }
        return index;
    }

    /** How many of the chunks, counted from the first, are there. All are asked for at the same time. */
    private CompletableFuture<Integer> present(List<ChunkKey> keys, Predicate<ChunkKey> isKnown) {
        List<Query> queries = keys.stream().map(key -> new Query(key, isKnown)).toList();
        queries.forEach(threads::submit);
        return CompletableFuture.allOf(
                        queries.stream().map(query -> query.isPresent).toArray(CompletableFuture<?>[]::new))
                .thenApply(_ -> {
                    int present = 0;
                    while (present < queries.size()
                            && queries.get(present).isPresent.join()) {
                        present++;
                    }
                    return present;
                });
    }

    private final class Query implements IoThreads.Task {
        private final ChunkKey key;
        private final Predicate<ChunkKey> isKnown;
        private final CompletableFuture<Boolean> isPresent = new CompletableFuture<>();

        private Query(ChunkKey key, Predicate<ChunkKey> isKnown) {
            this.key = key;
            this.isKnown = isKnown;
        }

        @Override
        public void run() {
            try {
                Optional<ChunkLocation> chunk = directory.locate(key);
                isPresent.complete(chunk.isPresent()
                        && (isKnown.test(key) || directory.find(chunk.get()).isPresent()));
            } catch (IOException | RuntimeException | Error e) {
                isPresent.completeExceptionally(e);
            }
        }

        @Override
        public void rejected() {
            isPresent.complete(false);
        }

        @Override
        public void failed(Error cause) {
            isPresent.completeExceptionally(cause);
        }
    }
}
