/** Configuration, chunking and hashing, the tiered storage manager, and the API for engines. */
@org.jspecify.annotations.NullMarked
module io.lmcache.core {
    requires transitive io.lmcache.api;
    requires com.fasterxml.jackson.databind;
    requires io.github.resilience4j.circuitbreaker;
    requires jdk.jfr;
    requires jdk.management;
    requires transitive micrometer.core;
    requires org.apache.commons.codec;
    requires org.apache.commons.configuration2;
    requires org.apache.commons.text;
    requires org.slf4j;
    requires org.yaml.snakeyaml;
    requires static org.jspecify;

    exports io.lmcache.core;
    exports io.lmcache.core.backend;
    exports io.lmcache.core.config;
    exports io.lmcache.core.diagnosis;
    exports io.lmcache.core.engine;
    exports io.lmcache.core.hash;
    exports io.lmcache.core.metrics;

    uses io.lmcache.api.spi.StorageBackendProvider;
}
