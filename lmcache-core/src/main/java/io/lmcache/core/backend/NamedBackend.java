package io.lmcache.core.backend;

import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.StorageBackend;

/** A backend under the name of its tier, so that a stack can have several of one kind. */
final class NamedBackend extends ForwardingBackend {
    private final String name;

    NamedBackend(String name, StorageBackend delegate) {
        super(delegate);
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }
}
