/**
 * Everything together: the command line, the demo and the benchmark. The libraries of the command line are optional, for those who
 * embed the rest.
 */
@org.jspecify.annotations.NullMarked
module io.lmcache.distribution {
    requires static com.fasterxml.jackson.annotation;
    requires static com.fasterxml.jackson.databind;
    requires static info.picocli;
    requires io.lmcache.backend.posix;
    requires io.lmcache.core;
    requires static io.lmcache.server;
    requires java.management;
    requires jdk.management;
    requires static org.jspecify;
    requires static me.tongfei.progressbar;

    opens io.lmcache.bench to
            com.fasterxml.jackson.databind;
    opens io.lmcache.cli to
            info.picocli;
    opens io.lmcache.demo to
            com.fasterxml.jackson.databind;
}
