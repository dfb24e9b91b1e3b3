/** Configuration, chunking and hashing, the tiered storage manager, and the engine facade. */
@org.jspecify.annotations.NullMarked
module io.lmcache.core {
    requires transitive io.lmcache.api;
    requires static org.jspecify;
    requires com.fasterxml.jackson.databind;
    requires jdk.management;
    requires org.apache.commons.configuration2;
    requires org.apache.commons.text;
    requires org.slf4j;
    requires org.yaml.snakeyaml;

    exports io.lmcache.core.config;
}
