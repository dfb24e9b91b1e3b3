package io.lmcache.cuda;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/** Resources that end together, the one that was added last first. Not thread-safe. */
public final class ResourceStack implements Closeable {
    private final Deque<Closeable> resources = new ArrayDeque<>();

    /** Nothing. */
    public ResourceStack() {}

    /** Takes over a resource; returns it. */
    public <R extends Closeable> R add(R resource) {
        resources.push(resource);
        return resource;
    }

    /** Closes all, also when some fail: the first failure is thrown, with the others suppressed. Idempotent. */
    @Override
    public void close() throws IOException {
        IOException failure = null;
        while (!resources.isEmpty()) {
            try {
                resources.pop().close();
            } catch (IOException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public String toString() {
        return "ResourceStack[" + resources.size() + "]";
    }
}
