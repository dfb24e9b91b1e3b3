/** The contract test of the storage backend SPI, fault injection and a leak check, for authors of backends. */
@org.jspecify.annotations.NullMarked
module io.lmcache.testkit {
    requires transitive io.lmcache.api;
    requires transitive org.assertj.core;
    requires transitive org.junit.jupiter.api;
    requires transitive org.junit.jupiter.params;
    requires static org.jspecify;

    exports io.lmcache.testkit;

    // The rules are package-private methods.
    opens io.lmcache.testkit to
            org.junit.platform.commons;
}
