"""The rclpy nodes: they convert, enqueue and publish; the thinking is done in lower rooms."""
