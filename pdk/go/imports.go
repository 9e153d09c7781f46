package holomush

// What the server offers. Parameters are texts in the memory of Extism, and so are the results: see call.

//go:wasmimport extism:host/user holomush_emit_event
func hostEmitEvent(json uint64) uint64

//go:wasmimport extism:host/user holomush_list_events
func hostListEvents(stream, limit uint64) uint64

//go:wasmimport extism:host/user holomush_listen
func hostListen(stream, id uint64) uint64

//go:wasmimport extism:host/user holomush_unlisten
func hostUnlisten(stream, id uint64) uint64

//go:wasmimport extism:host/user holomush_list_listeners
func hostListListeners(stream uint64) uint64

//go:wasmimport extism:host/user holomush_set_timer
func hostSetTimer(name, seconds, payload uint64) uint64

//go:wasmimport extism:host/user holomush_cancel_timer
func hostCancelTimer(name uint64) uint64

//go:wasmimport extism:host/user holomush_query_location
func hostQueryLocation(id uint64) uint64

//go:wasmimport extism:host/user holomush_query_exit
func hostQueryExit(id uint64) uint64

//go:wasmimport extism:host/user holomush_query_object
func hostQueryObject(id uint64) uint64

//go:wasmimport extism:host/user holomush_query_character
func hostQueryCharacter(id uint64) uint64

//go:wasmimport extism:host/user holomush_find
func hostFind(json uint64) uint64

//go:wasmimport extism:host/user holomush_create_location
func hostCreateLocation(json uint64) uint64

//go:wasmimport extism:host/user holomush_create_exit
func hostCreateExit(json uint64) uint64

//go:wasmimport extism:host/user holomush_create_object
func hostCreateObject(json uint64) uint64

//go:wasmimport extism:host/user holomush_create_character
func hostCreateCharacter(json uint64) uint64

//go:wasmimport extism:host/user holomush_update_location
func hostUpdateLocation(id, changes uint64) uint64

//go:wasmimport extism:host/user holomush_update_exit
func hostUpdateExit(id, changes uint64) uint64

//go:wasmimport extism:host/user holomush_update_object
func hostUpdateObject(id, changes uint64) uint64

//go:wasmimport extism:host/user holomush_update_character
func hostUpdateCharacter(id, changes uint64) uint64

//go:wasmimport extism:host/user holomush_move_object
func hostMoveObject(id, place uint64) uint64

//go:wasmimport extism:host/user holomush_move_character
func hostMoveCharacter(id, location uint64) uint64

//go:wasmimport extism:host/user holomush_destroy_location
func hostDestroyLocation(id uint64) uint64

//go:wasmimport extism:host/user holomush_destroy_exit
func hostDestroyExit(id uint64) uint64

//go:wasmimport extism:host/user holomush_destroy_object
func hostDestroyObject(id uint64) uint64

//go:wasmimport extism:host/user holomush_destroy_character
func hostDestroyCharacter(id uint64) uint64

//go:wasmimport extism:host/user holomush_kv_get
func hostKVGet(key uint64) uint64

//go:wasmimport extism:host/user holomush_kv_set
func hostKVSet(key, value uint64) uint64

//go:wasmimport extism:host/user holomush_kv_delete
func hostKVDelete(key uint64) uint64

//go:wasmimport extism:host/user holomush_kv_list
func hostKVList(prefix uint64) uint64

//go:wasmimport extism:host/user holomush_set_attributes
func hostSetAttributes(id, values uint64) uint64

//go:wasmimport extism:host/user holomush_table_insert
func hostTableInsert(table, row uint64) uint64

//go:wasmimport extism:host/user holomush_table_get
func hostTableGet(table, key uint64) uint64

//go:wasmimport extism:host/user holomush_table_select
func hostTableSelect(table, query uint64) uint64

//go:wasmimport extism:host/user holomush_table_update
func hostTableUpdate(table, key, changes uint64) uint64

//go:wasmimport extism:host/user holomush_table_delete
func hostTableDelete(table, key uint64) uint64

//go:wasmimport extism:host/user holomush_http_get
func hostHTTPGet(url uint64) uint64

//go:wasmimport extism:host/user holomush_http_post
func hostHTTPPost(url, body uint64) uint64

//go:wasmimport extism:host/user holomush_list_sessions
func hostListSessions() uint64

//go:wasmimport extism:host/user holomush_boot_session
func hostBootSession(id, reason uint64) uint64

//go:wasmimport extism:host/user holomush_query_account
func hostQueryAccount(id uint64) uint64

//go:wasmimport extism:host/user holomush_update_account
func hostUpdateAccount(id, changes uint64) uint64

//go:wasmimport extism:host/user holomush_add_character
func hostAddCharacter(id, name uint64) uint64

//go:wasmimport extism:host/user holomush_switch_character
func hostSwitchCharacter(session, id uint64) uint64

//go:wasmimport extism:host/user holomush_ban_address
func hostBanAddress(address, reason uint64) uint64

//go:wasmimport extism:host/user holomush_unban_address
func hostUnbanAddress(address uint64) uint64

//go:wasmimport extism:host/user holomush_list_bans
func hostListBans() uint64

//go:wasmimport extism:host/user holomush_list_commands
func hostListCommands(id uint64) uint64

//go:wasmimport extism:host/user holomush_list_topics
func hostListTopics(id, words uint64) uint64

//go:wasmimport extism:host/user holomush_read_topic
func hostReadTopic(id, plugin, topic uint64) uint64

//go:wasmimport extism:host/user holomush_server_stats
func hostServerStats() uint64

//go:wasmimport extism:host/user holomush_server_shutdown
func hostServerShutdown(reason uint64) uint64

//go:wasmimport extism:host/user holomush_list_plugins
func hostListPlugins() uint64

//go:wasmimport extism:host/user holomush_enable_plugin
func hostEnablePlugin(name uint64) uint64

//go:wasmimport extism:host/user holomush_disable_plugin
func hostDisablePlugin(name uint64) uint64

//go:wasmimport extism:host/user holomush_export_world
func hostExportWorld(name uint64) uint64

//go:wasmimport extism:host/user holomush_import_world
func hostImportWorld(name uint64) uint64

//go:wasmimport extism:host/user holomush_log
func hostLog(level, message uint64)
