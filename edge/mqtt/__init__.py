"""Everything that speaks MQTT: topics, payloads, the connection, and the publisher that uses them."""
