/** Everything together: the command line and the demo. */
@org.jspecify.annotations.NullMarked
module io.lmcache.distribution {
    requires io.lmcache.core;
    requires static org.jspecify;
}
