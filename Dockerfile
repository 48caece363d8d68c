# syntax=docker/dockerfile:1
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install --no-install-recommends -y build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# The caches stay with the builder, so the program is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package fairlead && install -D target/release/fairlead /out/fairlead

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --no-install-recommends -y ca-certificates curl && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home fairlead && install -d -o fairlead /var/lib/fairlead
COPY --from=build /out/fairlead /usr/local/bin/fairlead
USER fairlead
ENV FAIRLEAD_HTTP_ADDRESS=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["fairlead"]
CMD ["api"]
