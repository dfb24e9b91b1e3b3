/** The stack for engines in other processes: control over gRPC, KV in the engines' own memory. */
@org.jspecify.annotations.NullMarked
module io.lmcache.server {
    requires com.google.common;
    requires static com.google.errorprone.annotations;
    requires com.google.protobuf;
    requires io.grpc;
    requires io.grpc.netty;
    requires io.grpc.protobuf;
    requires io.grpc.stub;
    requires transitive io.lmcache.core;
    requires io.lmcache.cuda;
    requires io.netty.common;
    requires io.netty.transport;
    requires jdk.httpserver;
    requires jdk.net;
    requires micrometer.registry.prometheus;
    requires static org.jspecify;
    requires org.slf4j;

    exports io.lmcache.server;
}
