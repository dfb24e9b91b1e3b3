package io.lmcache.server;

import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;

/** The KV of one request in an engine's memory. For one thread. */
interface RequestKv extends AutoCloseable {
    KvSource source();

    KvSink sink();

    /** Waits until what was delivered to the sink is in the engine's memory, whatever other work goes on there. */
    @Override
    void close();
}
