/** The command line, with the demo and the benchmark that it runs. */
@org.jspecify.annotations.NullMarked
module io.lmcache.cli {
    requires com.fasterxml.jackson.annotation;
    requires com.fasterxml.jackson.databind;
    requires info.picocli;
    requires io.lmcache.chunkfiles;
    requires io.lmcache.core;
    requires io.lmcache.server;
    requires java.management;
    requires jdk.jfr;
    requires jdk.management;
    requires jdk.unsupported;
    requires org.apache.commons.compress;
    requires static org.jspecify;
    requires me.tongfei.progressbar;

    opens io.lmcache.cli to
            info.picocli;
    opens io.lmcache.cli.bench to
            com.fasterxml.jackson.databind;
    opens io.lmcache.cli.demo to
            com.fasterxml.jackson.databind;
    opens io.lmcache.cli.report to
            com.fasterxml.jackson.databind;
}
