@org.jspecify.annotations.NullMarked
package io.lmcache.backend.s3;
