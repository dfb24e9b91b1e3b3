package io.lmcache.backend.s3;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.net.URI;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where chunks are, as a {@code remote_url} says it. Immutable and thread-safe.
 *
 * @param bucket the bucket
 * @param prefix starts the names of all chunks; empty, or ends with a slash
 * @param region the region, where the URL names the bucket by its host in AWS, as LMCache's do
 */
record S3Address(String bucket, String prefix, Optional<String> region) {
    /** What starts the URLs that this backend serves. */
    static final String SCHEME = "s3";

    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
    private static final Pattern HOST = Pattern.compile("(.+)\\.s3[.-]([a-z0-9-]+)\\.amazonaws\\.com");
    /** What needs no escape, neither in a path nor in a query. */
    private static final Pattern PREFIX = Pattern.compile("(?:[A-Za-z0-9._-]+/)*");

    static S3Address of(URI url) {
        if (!SCHEME.equalsIgnoreCase(url.getScheme())) {
            throw invalid(url, "has another scheme than s3");
        }
        Matcher host = HOST.matcher(url.getRawAuthority());
        boolean isHost = host.matches();
        String bucket = isHost ? host.group(1) : url.getRawAuthority();
        if (!BUCKET.matcher(bucket).matches()) {
            throw invalid(url, "has '" + bucket + "' where the name of a bucket is expected, as in s3://bucket/prefix");
        }
        String path = url.getRawPath().replaceAll("^/+|/+$", "");
        String prefix = path.isEmpty() ? "" : path + "/";
        if (!PREFIX.matcher(prefix).matches()) {
            throw invalid(
                    url,
                    "has the prefix '" + path + "', allowed are letters, digits, '.', '_', '-' and single slashes");
        }
        return new S3Address(bucket, prefix, isHost ? Optional.of(host.group(2)) : Optional.empty());
    }

    private static LmcacheException invalid(URI url, String sentence) {
        return new LmcacheException(ErrorCode.INVALID_CONFIGURATION, "remote_url '" + url + "' " + sentence);
    }

    /** The place, for messages. */
    @Override
    public String toString() {
        return SCHEME + "://" + bucket + "/" + prefix;
    }
}
