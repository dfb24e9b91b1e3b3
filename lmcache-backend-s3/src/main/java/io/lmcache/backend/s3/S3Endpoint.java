package io.lmcache.backend.s3;

import java.net.URI;

/**
 * Which server is asked, and how it hears the bucket's name. Immutable and thread-safe.
 *
 * @param url scheme, host and port of the server; with the bucket's name in the host unless in the path
 * @param root the path before a name: a slash, or the bucket between two
 */
record S3Endpoint(URI url, String root) {
    /** The server of AWS for a region, or another one. */
    static S3Endpoint of(S3Address address, URI server, boolean isPathStyle) {
        return isPathStyle
                ? new S3Endpoint(server, "/" + address.bucket() + "/")
                : new S3Endpoint(
                        URI.create(server.getScheme() + "://" + address.bucket() + "." + server.getRawAuthority()),
                        "/");
    }

    /** What the request has to say as the server's name. */
    String host() {
        return url.getRawAuthority();
    }

    @Override
    public String toString() {
        return url.toString();
    }
}
