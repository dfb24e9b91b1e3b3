/** The backend {@code s3}. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.s3;
