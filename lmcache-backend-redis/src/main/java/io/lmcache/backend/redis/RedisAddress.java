package io.lmcache.backend.redis;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the servers are, as a {@code remote_url} says it. Immutable and thread-safe.
 *
 * @param isTls whether connections are encrypted
 * @param hosts the server, some nodes of a cluster, or the sentinels; one at least
 * @param user the user in the URL
 * @param database the number of the database
 * @param master the name by which the sentinels know the server; empty without sentinels
 */
record RedisAddress(boolean isTls, List<Host> hosts, Optional<String> user, int database, Optional<String> master) {
    /** What starts the URLs that this backend serves; Valkey speaks the same protocol. */
    static final List<String> SCHEMES =
            List.of("redis", "rediss", "redis-sentinel", "rediss-sentinel", "valkey", "valkeys");

    private static final int DEFAULT_PORT = 6379;
    private static final int DEFAULT_SENTINEL_PORT = 26379;
    private static final Pattern HOST = Pattern.compile("(\\[[0-9A-Fa-f:.]+]|[^\\[\\]:@/]+)(?::([0-9]{1,5}))?");
    private static final Pattern DATABASE = Pattern.compile("/?|/([0-9]{1,4})/?");

    /**
     * One server.
     *
     * @param name its name or address, an IPv6 address without brackets
     * @param port its port
     */
    record Host(String name, int port) {
        @Override
        public String toString() {
            return (name.contains(":") ? "[" + name + "]" : name) + ":" + port;
        }
    }

    static RedisAddress of(URI url) {
        String scheme = url.getScheme().toLowerCase(Locale.ROOT);
        if (!SCHEMES.contains(scheme)) {
            throw invalid(url, "has another scheme than " + String.join(", ", SCHEMES));
        }
        boolean hasSentinels = scheme.endsWith("-sentinel");
        String authority = url.getRawAuthority();
        int at = authority.lastIndexOf('@');
        Optional<String> user = at < 0
                ? Optional.empty()
                : Optional.of(authority.substring(0, at)).filter(name -> !name.isEmpty());
        List<Host> hosts = new ArrayList<>();
        for (String host : authority.substring(at + 1).split(",", -1)) {
            hosts.add(host(host, hasSentinels ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT, url));
        }
        String path = url.getPath() == null ? "" : url.getPath();
        boolean isTls = scheme.equals("rediss") || scheme.equals("rediss-sentinel") || scheme.equals("valkeys");
        return hasSentinels
                ? new RedisAddress(isTls, List.copyOf(hosts), user, 0, Optional.of(master(url, path)))
                : new RedisAddress(isTls, List.copyOf(hosts), user, database(url, path), Optional.empty());
    }

    private static Host host(String text, int defaultPort, URI url) {
        Matcher matcher = HOST.matcher(text);
        if (!matcher.matches()) {
            throw invalid(url, "has '" + text + "' where a host with or without a port is expected");
        }
        int port = matcher.group(2) == null ? defaultPort : Integer.parseInt(matcher.group(2));
        if (port < 1 || port > 65_535) {
            throw invalid(url, "has the port " + port + ", allowed are 1 to 65535");
        }
        String name = matcher.group(1);
        return new Host(name.startsWith("[") ? name.substring(1, name.length() - 1) : name, port);
    }

    private static int database(URI url, String path) {
        Matcher matcher = DATABASE.matcher(path);
        if (!matcher.matches()) {
            throw invalid(url, "has the path '" + path + "', allowed is the number of a database, such as /0");
        }
        return matcher.group(1) == null ? 0 : Integer.parseInt(matcher.group(1));
    }

    /** LMCache writes the name as the path, others as the fragment. */
    private static String master(URI url, String path) {
        String fragment = url.getFragment() == null ? "" : url.getFragment();
        String name = fragment.isEmpty() ? path.replace("/", "") : fragment;
        if (name.isEmpty()) {
            throw invalid(url, "names no master: write it as the path, as in redis-sentinel://host:26379/mymaster");
        }
        return name;
    }

    private static LmcacheException invalid(URI url, String sentence) {
        return new LmcacheException(ErrorCode.INVALID_CONFIGURATION, "remote_url '" + url + "' " + sentence);
    }

    /** The servers, for messages. */
    @Override
    public String toString() {
        String servers = String.join(",", hosts.stream().map(Host::toString).toList());
        return master.map(name -> name + " of sentinels " + servers).orElse(servers) + (isTls ? " by TLS" : "");
    }
}
